/** A relative time, kept up to date, with the exact instant on hover and focus. */
import { Tooltip } from '@mantine/core'
import { useEffect, useReducer } from 'react'
import { ago, ahead, exact } from './time'

const everyMilliseconds = 20_000

export function RelativeTime({ at }: { at: string }) {
  const [, again] = useReducer((count: number) => count + 1, 0)
  useEffect(() => {
    const timer = window.setInterval(again, everyMilliseconds)
    return () => window.clearInterval(timer)
  }, [])
  const future = Date.parse(at) > Date.now() + 60_000
  return (
    <Tooltip label={exact(at)} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={at} style={{ whiteSpace: 'nowrap' }}>
        {future ? ahead(at) : ago(at)}
      </time>
    </Tooltip>
  )
}
