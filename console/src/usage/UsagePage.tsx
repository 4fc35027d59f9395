/** How one key is used: its limits, its requests over time, its callers, and refused requests. */
import { ActionIcon, Anchor, Group, SimpleGrid, Skeleton, Stack, Text, Tooltip } from '@mantine/core'
import { IconArrowLeft, IconRefresh } from '@tabler/icons-react'
import { useCallback, useState } from 'react'
import { Link, useParams } from 'react-router'
import { useQuery } from 'urql'
import { ApiKeyMenu } from '../api-keys/ApiKeyMenu'
import { type ApiKey, aboutKeys } from '../api-keys/operations'
import { Admins } from '../shared/Admins'
import { NotFound } from '../shared/NotFound'
import { PageTitle } from '../shared/PageTitle'
import { Trouble } from '../shared/Trouble'
import { useKnown } from '../shared/use-known'
import { useOrganization } from '../shared/viewer'
import { AboutKey } from './AboutKey'
import { Callers } from './Callers'
import { LastUse } from './LastUse'
import { QuotaCard, RateLimitCard } from './Limits'
import { UsageQuery } from './operations'
import { Refusals } from './Refusals'
import { Requests } from './Requests'
import { useRefreshing } from './use-refreshing'

const fewRefusals = 10
const mostRefusals = 100

export function UsagePage() {
  const { apiKeyId = '' } = useParams()
  return <UsageOfOne key={apiKeyId} id={apiKeyId} />
}

function UsageOfOne({ id }: { id: string }) {
  const [refusals, setRefusals] = useState(fewRefusals)
  const [round, setRound] = useState(0)
  const [{ data, error, fetching }, execute] = useQuery({
    query: UsageQuery,
    variables: { id, refusals },
    requestPolicy: 'cache-and-network',
    context: aboutKeys,
  })
  const apiKey = useKnown(data?.apiKey)
  const usage = useKnown(data?.apiKey?.usage)
  const refresh = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useRefreshing(refresh, 10)

  function refreshAll() {
    refresh()
    setRound((now) => now + 1)
  }

  const troubled = error !== undefined && !fetching
  if (data?.apiKey === null && !error && !fetching) return <NoSuchKey />
  return (
    <Stack gap="lg">
      <Heading apiKey={apiKey} busy={fetching} failed={troubled} onRefresh={refreshAll} />
      {troubled && (
        <Trouble
          error={error}
          what={`The usage could not be read${usage ? '; what is shown is older' : ''}.`}
          onRetry={refreshAll}
        />
      )}
      {usage && apiKey ? (
        <SimpleGrid cols={{ base: 1, sm: apiKey.deletedAt ? 1 : 3 }}>
          {!apiKey.deletedAt && <RateLimitCard rateLimit={usage.rateLimit} />}
          {!apiKey.deletedAt && <QuotaCard quota={usage.quota} />}
          <LastUse apiKey={apiKey} />
        </SimpleGrid>
      ) : (
        !troubled && (
          <SimpleGrid cols={{ base: 1, sm: 3 }}>
            {[0, 1, 2].map((each) => (
              <Skeleton key={each} h={132} />
            ))}
          </SimpleGrid>
        )
      )}
      {(usage || !troubled) && <Requests id={id} round={round} />}
      {usage && apiKey ? (
        <>
          <Refusals
            apiKey={apiKey}
            refusals={usage.refusals}
            onMore={
              usage.refusals.length >= refusals && refusals < mostRefusals
                ? () => setRefusals(mostRefusals)
                : undefined
            }
            busy={fetching && usage.refusals.length < refusals}
          />
          <Callers callers={usage.callers} />
        </>
      ) : (
        !troubled && <Skeleton h={200} />
      )}
    </Stack>
  )
}

interface HeadingProps {
  apiKey: ApiKey | undefined
  busy: boolean
  failed: boolean
  onRefresh: () => void
}

function Heading({ apiKey, busy, failed, onRefresh }: HeadingProps) {
  const { id } = useOrganization()
  return (
    <Stack gap={6}>
      <Anchor component={Link} to={`/organizations/${id}/api-keys`} fz="sm" w="fit-content">
        <IconArrowLeft size={14} aria-hidden style={{ verticalAlign: '-2px', marginRight: 4 }} />
        API Keys
      </Anchor>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <PageTitle>{apiKey ? `Usage of “${apiKey.name}”` : 'Usage'}</PageTitle>
        <Group gap="xs" wrap="nowrap">
          <Tooltip label="Refresh" events={{ hover: true, focus: true, touch: false }}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label="Refresh"
              aria-busy={busy}
              onClick={onRefresh}
            >
              <IconRefresh size={18} />
            </ActionIcon>
          </Tooltip>
          {apiKey?.viewerCanManage && <ApiKeyMenu apiKey={apiKey} />}
        </Group>
      </Group>
      {apiKey ? (
        <AboutKey apiKey={apiKey} />
      ) : (
        !failed && <Skeleton h={22} w={320} maw="100%" aria-label="Loading" />
      )}
    </Stack>
  )
}

function NoSuchKey() {
  const { viewerRole } = useOrganization()
  return (
    <>
      <NotFound what="API key" />
      {viewerRole !== 'ORGANIZATION_ADMIN' && (
        <Stack gap="xs">
          <Text size="sm">The organization’s admins see the usage of every key:</Text>
          <Admins />
        </Stack>
      )}
    </>
  )
}
