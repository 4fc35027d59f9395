/** The frame of an organization's pages: header, page, the assistant beside it, and the key dialogs that a link can open. */
import { AppShell, Container } from '@mantine/core'
import { lazy, Suspense, useEffect } from 'react'
import { Outlet, useParams } from 'react-router'
import { useAssistant } from '../shared/assistant-context'
import { NotFound } from '../shared/NotFound'
import { OrganizationContext, useSignedIn } from '../shared/viewer'
import { AssistantAside, AssistantOpener } from './AssistantOpener'
import { Header } from './Header'
import { rememberOrganization } from './last-organization'
import { OfflineBanner } from './OfflineBanner'
import { PlainPage } from './PlainPage'
import { useArrival } from './use-arrival'

const ApiKeyDialogs = lazy(async () => ({
  default: (await import('../api-keys/ApiKeyDialogs')).ApiKeyDialogs,
}))

export function OrganizationPages() {
  return (
    <AssistantOpener>
      <Frame />
    </AssistantOpener>
  )
}

function Frame() {
  const { viewer } = useSignedIn()
  const { organizationId } = useParams()
  const { opened, covers } = useAssistant()
  const organization = viewer.organizations.find((each) => each.id === organizationId)
  useArrival()

  useEffect(() => {
    if (organization) rememberOrganization(organization.id)
  }, [organization])

  if (!organization) {
    return (
      <PlainPage>
        <NotFound what="organization" />
      </PlainPage>
    )
  }
  return (
    // With the key, dialogs, searches and the conversation start over in another organization.
    <OrganizationContext value={organization} key={organization.id}>
      <AppShell
        header={{ height: 56 }}
        aside={{ width: 420, breakpoint: 'md', collapsed: { desktop: !opened, mobile: !opened } }}
        padding="md"
      >
        <AppShell.Header>
          <Header />
        </AppShell.Header>
        <AppShell.Main inert={opened && covers}>
          <OfflineBanner />
          <Container size="lg" px={0}>
            <Outlet />
          </Container>
        </AppShell.Main>
        <AssistantAside />
      </AppShell>
      <Suspense>
        <ApiKeyDialogs />
      </Suspense>
    </OrganizationContext>
  )
}
