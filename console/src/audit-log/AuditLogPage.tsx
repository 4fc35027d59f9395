/** What happened to the organization's keys: who did what, when, and from where. */
import { ActionIcon, Group, Paper, Stack, Text, Tooltip } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import { useState } from 'react'
import { Admins } from '../shared/Admins'
import { PageTitle } from '../shared/PageTitle'
import { useOrganization } from '../shared/viewer'
import { Events } from './Events'

export function AuditLogPage() {
  const { viewerRole } = useOrganization()
  const [round, setRound] = useState(0)
  const sees = viewerRole !== 'MEMBER'
  return (
    <Stack>
      <Group justify="space-between">
        <PageTitle>Audit log</PageTitle>
        {sees && (
          <Tooltip label="Refresh" events={{ hover: true, focus: true, touch: false }}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label="Refresh"
              onClick={() => setRound((now) => now + 1)}
            >
              <IconRefresh size={18} />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
      {viewerRole === 'AGENT_ADMIN' && (
        <Text size="sm" c="dimmed">
          You see the events of keys of the agents that you administer. Organization admins see all events.
        </Text>
      )}
      {sees ? <Events round={round} /> : <ForMembers />}
    </Stack>
  )
}

function ForMembers() {
  return (
    <Paper withBorder p="lg">
      <Stack gap="xs">
        <Text size="sm">
          The audit log shows what happened to API keys. Your role in this organization is member, and members
          can’t see API keys. If you have a question about one, ask an organization admin:
        </Text>
        <Admins />
      </Stack>
    </Paper>
  )
}
