/** The organization's API keys: how many slots are used, and a list with a menu for each key. */
import { Button, Group, Paper, Skeleton, Stack, Switch, Text, TextInput } from '@mantine/core'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { useKeyDialogs } from '../shared/dialog-links'
import { PageTitle } from '../shared/PageTitle'
import { Trouble } from '../shared/Trouble'
import { useOrganization } from '../shared/viewer'
import { ApiKeyTable } from './ApiKeyTable'
import { ForMembers } from './ForMembers'
import { KeyMeter } from './KeyMeter'
import { KeyRequests } from './KeyRequests'
import { NoKeysYet } from './NoKeysYet'
import { isLiving } from './operations'
import { matching, newestFirst, sorted } from './sorting'
import { useApiKeys } from './use-api-keys'
import { WithoutAgents } from './WithoutAgents'

export function ApiKeysPage() {
  const { viewerRole } = useOrganization()
  const [withDeleted, setWithDeleted] = useState(false)
  const [search, setSearch] = useState('')
  const [order, setOrder] = useState(newestFirst)
  const { organization, error, fetching, refetch } = useApiKeys(withDeleted)
  const { open } = useKeyDialogs()
  const manages = viewerRole !== 'MEMBER'
  const isWithoutAgents = viewerRole === 'AGENT_ADMIN' && organization?.agents.some(isLiving) === false

  const keys = organization?.apiKeys ?? []
  const found = sorted(matching(keys, search), order)
  return (
    <Stack>
      <Group justify="space-between">
        <PageTitle>API Keys</PageTitle>
        {manages && !isWithoutAgents && (
          <Button id="new-api-key" leftSection={<IconPlus size={16} />} onClick={() => open('new')}>
            New API Key
          </Button>
        )}
      </Group>
      {viewerRole === 'ORGANIZATION_ADMIN' && <KeyRequests />}
      {error && <Trouble error={error} what="The keys could not be read." onRetry={refetch} />}
      {organization ? (
        <KeyMeter
          allowance={organization.keyAllowance}
          keys={keys}
          manages={manages}
          onDelete={(key) => open('delete', key.id)}
        />
      ) : (
        !error && <Skeleton h={70} aria-label="Loading" />
      )}
      {!manages && (
        <Paper withBorder p="lg">
          <ForMembers />
        </Paper>
      )}
      {manages && (organization || !error) && (
        <>
          <Group justify="space-between" gap="sm">
            <TextInput
              placeholder="Search name, key or agent"
              aria-label="Search"
              type="search"
              leftSection={<IconSearch size={16} />}
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
              w={{ base: '100%', xs: 280 }}
            />
            <Switch
              label="Show deleted keys"
              checked={withDeleted}
              onChange={(event) => setWithDeleted(event.currentTarget.checked)}
            />
          </Group>
          {!organization ? (
            <Stack gap="xs">
              {[0, 1, 2].map((row) => (
                <Skeleton key={row} h={56} />
              ))}
            </Stack>
          ) : isWithoutAgents && keys.length === 0 ? (
            <Paper withBorder p="lg">
              <WithoutAgents />
            </Paper>
          ) : keys.length === 0 && !fetching ? (
            <NoKeysYet withDeleted={withDeleted} onNew={() => open('new')} />
          ) : found.length === 0 ? (
            <Paper withBorder p="lg">
              <Text size="sm">
                No keys match “{search}”.
                {!withDeleted && ' To search deleted keys too, turn on “Show deleted keys”.'}
              </Text>
            </Paper>
          ) : (
            <ApiKeyTable keys={found} order={order} onOrder={setOrder} />
          )}
        </>
      )}
    </Stack>
  )
}
