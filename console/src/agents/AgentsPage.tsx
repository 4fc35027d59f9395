/** The organization's agents. For organization admins. */
import { Anchor, Button, Group, Paper, Stack, Text } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { Link } from 'react-router'
import { Admins } from '../shared/Admins'
import { LoadingRows, NoneYet } from '../shared/ListStates'
import { PageTitle } from '../shared/PageTitle'
import { RowMenu } from '../shared/RowMenu'
import { type Column, Rows } from '../shared/Rows'
import { Trouble } from '../shared/Trouble'
import { roleNames, useOrganization } from '../shared/viewer'
import { AgentDialogs } from './AgentDialogs'
import { calls, keys } from './counts'
import { useAgentDialogs } from './dialogs'
import type { Agent } from './operations'
import { useAgents } from './use-agents'

export function AgentsPage() {
  const { viewerRole } = useOrganization()
  if (viewerRole === 'ORGANIZATION_ADMIN') return <ForAdmins />
  return (
    <Stack>
      <PageTitle>Agents</PageTitle>
      <Paper withBorder p="lg">
        <Stack gap="xs">
          <Text size="sm">
            Organization admins create, rename and delete agents. Your role in this organization is{' '}
            {roleNames[viewerRole]}. If an agent should change, ask one of them:
          </Text>
          <Admins />
        </Stack>
      </Paper>
    </Stack>
  )
}

const columns: Column<Agent>[] = [
  {
    label: 'Name',
    cell: ({ name }) => (
      <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
        {name}
      </Text>
    ),
  },
  {
    label: 'Admins',
    width: '30%',
    cell: (agent) => <AdminsOf agent={agent} />,
    card: ({ admins }) =>
      admins.length > 0 && (
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          Admins: {admins.map(({ name }) => name).join(', ')}
        </Text>
      ),
  },
  {
    label: 'Keys',
    width: '14%',
    cell: ({ livingKeys }) => <Text size="sm">{livingKeys}</Text>,
    card: ({ livingKeys }) => <Text size="sm">{keys(livingKeys)}</Text>,
  },
  {
    label: 'Calls in 24 hours',
    width: '20%',
    cell: ({ callsLastDay }) => <Text size="sm">{callsLastDay.toLocaleString('en')}</Text>,
    card: ({ callsLastDay }) => (
      <Text size="sm" c="dimmed">
        {calls(callsLastDay)} in 24 hours
      </Text>
    ),
  },
]

function ForAdmins() {
  const { agents, error, fetching, refetch } = useAgents()
  const { open } = useAgentDialogs()
  return (
    <Stack>
      <Group justify="space-between">
        <PageTitle>Agents</PageTitle>
        <Button id="new-agent" leftSection={<IconPlus size={16} />} onClick={() => open('new-agent')}>
          New agent
        </Button>
      </Group>
      {error && !fetching && <Trouble error={error} what="The agents could not be read." onRetry={refetch} />}
      {!agents ? (
        !error && <LoadingRows />
      ) : agents.length === 0 ? (
        <NoAgentsYet onNew={() => open('new-agent')} />
      ) : (
        <Rows
          label="Agents"
          rows={agents}
          idOf={({ id }) => id}
          columns={columns}
          menu={({ id, name, viewerCanManage }) =>
            viewerCanManage && (
              <RowMenu
                id={id}
                name={name}
                actions={[
                  { label: 'Rename', Icon: IconPencil, onClick: () => open('rename-agent', id) },
                  {
                    label: 'Delete',
                    Icon: IconTrash,
                    onClick: () => open('delete-agent', id),
                    isDanger: true,
                  },
                ]}
              />
            )
          }
        />
      )}
      <AgentDialogs agents={agents} />
    </Stack>
  )
}

/** Agent admins, who can manage its keys. Their agents are chosen on the page of people. */
function AdminsOf({ agent: { admins } }: { agent: Agent }) {
  const { id } = useOrganization()
  if (admins.length > 0) {
    return (
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {admins.map(({ name }) => name).join(', ')}
      </Text>
    )
  }
  return (
    <Text size="sm" c="dimmed">
      None:{' '}
      <Anchor component={Link} to={`/organizations/${id}/people`}>
        choose people
      </Anchor>
    </Text>
  )
}

function NoAgentsYet({ onNew }: { onNew: () => void }) {
  return (
    <NoneYet title="No agents yet" action="Create the first agent" onNew={onNew}>
      An agent is a program that callers reach with a key. A key can be limited to one agent, and people can
      administer the keys of chosen agents.
    </NoneYet>
  )
}
