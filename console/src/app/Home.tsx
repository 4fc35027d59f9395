/** Leads from `/` to the API keys of the organization that was looked at last. */
import { Stack, Text, Title } from '@mantine/core'
import { Navigate } from 'react-router'
import { brand } from '../shared/brand'
import { useSignedIn } from '../shared/viewer'
import { lastOrganization } from './last-organization'
import { PlainPage } from './PlainPage'

export function Home() {
  const { viewer, supportEmail } = useSignedIn()
  const organization =
    viewer.organizations.find((each) => each.id === lastOrganization()) ?? viewer.organizations[0]
  if (organization) return <Navigate to={`/organizations/${organization.id}/api-keys`} replace />
  return (
    <PlainPage>
      <Stack py="xl" maw={560}>
        <Title order={1} size="h3">
          You are not in an organization yet
        </Title>
        <Text>
          An admin of an organization can invite <b>{viewer.user.email}</b>. If you don’t know one, the
          operator of {brand.name} can help{supportEmail ? `: write to ${supportEmail}.` : '.'}
        </Text>
      </Stack>
    </PlainPage>
  )
}
