/** The organization's service tokens, with which programs manage its keys. For organization admins. */
import { Anchor, Badge, Button, Code, Group, Paper, Stack, Text } from '@mantine/core'
import { IconBan, IconPlus } from '@tabler/icons-react'
import { AgentNames } from '../people/AgentNames'
import { Admins } from '../shared/Admins'
import { LoadingRows, NoneYet } from '../shared/ListStates'
import { PageTitle } from '../shared/PageTitle'
import { RelativeTime } from '../shared/RelativeTime'
import { RowMenu } from '../shared/RowMenu'
import { type Column, Rows } from '../shared/Rows'
import { Trouble } from '../shared/Trouble'
import { roleNames, roleTitle, useOrganization } from '../shared/viewer'
import { useTokenDialogs } from './dialogs'
import type { ServiceToken } from './operations'
import { type State, stateOf } from './state'
import { TokenDialogs } from './TokenDialogs'
import { useTokens } from './use-tokens'

const guide = '/docs/guide/tokens'

export function TokensPage() {
  const { viewerRole } = useOrganization()
  if (viewerRole === 'ORGANIZATION_ADMIN') return <ForAdmins />
  return (
    <Stack>
      <PageTitle>Tokens</PageTitle>
      <Paper withBorder p="lg">
        <Stack gap="xs">
          <Text size="sm">
            Organization admins create and revoke tokens for programs that manage API keys. Your role in this
            organization is {roleNames[viewerRole]}. If a program needs a token, ask one of them:
          </Text>
          <Admins />
        </Stack>
      </Paper>
    </Stack>
  )
}

const columns: Column<ServiceToken>[] = [
  {
    label: 'Name',
    cell: ({ name, hint }) => (
      <>
        <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
          {name}
        </Text>
        <Code>{hint}</Code>
      </>
    ),
  },
  {
    label: 'Role',
    width: '20%',
    cell: ({ role, agents }) => (
      <>
        <Text size="sm">{roleTitle(role)}</Text>
        {role === 'AGENT_ADMIN' && <AgentNames agents={agents} />}
      </>
    ),
  },
  {
    label: 'Made by',
    width: '18%',
    cell: ({ createdBy, createdAt }) => (
      <>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {createdBy?.name ?? 'The operator'}
        </Text>
        <Text size="xs" c="dimmed">
          <RelativeTime at={createdAt} />
        </Text>
      </>
    ),
    card: ({ createdBy, createdAt }) => (
      <Text size="sm" c="dimmed">
        Made by {createdBy?.name ?? 'the operator'} <RelativeTime at={createdAt} />
      </Text>
    ),
  },
  {
    label: 'Last used',
    width: '16%',
    cell: ({ lastUsedAt }) => (
      <Text size="sm">{lastUsedAt ? <RelativeTime at={lastUsedAt} /> : 'Never'}</Text>
    ),
    card: ({ lastUsedAt }) => (
      <Text size="sm" c="dimmed">
        Last used: {lastUsedAt ? <RelativeTime at={lastUsedAt} /> : 'never'}
      </Text>
    ),
  },
  { label: 'State', width: '18%', cell: (token) => <StateOf token={token} /> },
]

function ForAdmins() {
  const { tokens, error, fetching, refetch } = useTokens()
  const { open } = useTokenDialogs()
  return (
    <Stack>
      <Group justify="space-between">
        <PageTitle>Tokens</PageTitle>
        <Button id="new-token" leftSection={<IconPlus size={16} />} onClick={() => open('new-token')}>
          New token
        </Button>
      </Group>
      <Text size="sm" c="dimmed">
        With a token, a program manages this organization’s API keys without an account.{' '}
        <Anchor href={guide} inherit>
          How programs use tokens
        </Anchor>
      </Text>
      {error && !fetching && <Trouble error={error} what="The tokens could not be read." onRetry={refetch} />}
      {!tokens ? (
        !error && <LoadingRows />
      ) : tokens.serviceTokens.length === 0 ? (
        <NoTokensYet onNew={() => open('new-token')} />
      ) : (
        <Rows
          label="Tokens"
          rows={tokens.serviceTokens}
          idOf={({ id }) => id}
          columns={columns}
          menu={(token) =>
            stateOf(token) === 'works' && (
              <RowMenu
                id={token.id}
                name={token.name}
                actions={[
                  {
                    label: 'Revoke',
                    Icon: IconBan,
                    onClick: () => open('revoke-token', token.id),
                    isDanger: true,
                  },
                ]}
              />
            )
          }
        />
      )}
      <TokenDialogs tokens={tokens} />
    </Stack>
  )
}

const badges: Record<State, { color: string; label: string }> = {
  works: { color: 'teal', label: 'Works' },
  expired: { color: 'gray', label: 'Expired' },
  revoked: { color: 'red', label: 'Revoked' },
}

function StateOf({ token }: { token: ServiceToken }) {
  const state = stateOf(token)
  const { color, label } = badges[state]
  return (
    <>
      <Badge size="sm" variant="dot" color={color}>
        {label}
      </Badge>
      <Text size="xs" c="dimmed">
        {state === 'works' && 'Expires '}
        <RelativeTime at={token.revokedAt ?? token.expiresAt} />
      </Text>
    </>
  )
}

function NoTokensYet({ onNew }: { onNew: () => void }) {
  return (
    <NoneYet title="No tokens yet" action="Create the first token" onNew={onNew}>
      A deployment pipeline that creates or rotates API keys needs a token. It manages no people, and can’t
      create other tokens.
    </NoneYet>
  )
}
