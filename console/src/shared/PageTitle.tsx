/** A page's heading, which is also the window's title. */
import { Title } from '@mantine/core'
import { useEffect } from 'react'
import { windowTitle } from './brand'

export function PageTitle({ children }: { children: string }) {
  useEffect(() => {
    document.title = windowTitle(children)
  }, [children])
  return (
    <Title order={1} size="h3" id="page-title" tabIndex={-1} style={{ outline: 'none' }}>
      {children}
    </Title>
  )
}
