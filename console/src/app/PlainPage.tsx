/** The frame of a page that belongs to no organization. */
import { AppShell, Container } from '@mantine/core'
import type { ReactNode } from 'react'
import { Header } from './Header'

export function PlainPage({ children }: { children: ReactNode }) {
  return (
    <AppShell header={{ height: 56 }} padding="md">
      <AppShell.Header>
        <Header />
      </AppShell.Header>
      <AppShell.Main>
        <Container size="lg" px={0}>
          {children}
        </Container>
      </AppShell.Main>
    </AppShell>
  )
}
