/** Events as a table; on a narrow screen as cards. */
import { Anchor, Group, Paper, Stack, Table, Text, ThemeIcon } from '@mantine/core'
import { Link } from 'react-router'
import { authorOfEvent, capitalized } from '../shared/author'
import { RelativeTime } from '../shared/RelativeTime'
import { useOrganization } from '../shared/viewer'
import { signs } from './actions'
import type { AuditEvent } from './operations'

interface Props {
  events: readonly AuditEvent[]
}

export function EventTable({ events }: Props) {
  return (
    <Paper withBorder>
      <Table verticalSpacing="sm" horizontalSpacing="md" aria-label="Audit log" layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={150}>When</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th w={190}>Key</Table.Th>
            <Table.Th w={200}>Who</Table.Th>
            <Table.Th w={150}>Address</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {events.map((each) => (
            <Table.Tr key={each.id}>
              <Table.Td>
                <RelativeTime at={each.at} />
              </Table.Td>
              <Table.Td>
                <What event={each} />
              </Table.Td>
              <Table.Td>
                <KeyOf event={each} />
              </Table.Td>
              <Table.Td>
                <Who event={each} />
              </Table.Td>
              <Table.Td>
                <Text size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                  {each.ipAddress}
                </Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  )
}

export function EventCards({ events }: Props) {
  return (
    <Stack component="ul" gap="xs" m={0} p={0} aria-label="Audit log" style={{ listStyle: 'none' }}>
      {events.map((each) => (
        <Paper key={each.id} component="li" withBorder p="sm">
          <Stack gap={6}>
            <What event={each} />
            <KeyOf event={each} />
            <Text size="sm" c="dimmed">
              <RelativeTime at={each.at} /> by {authorOfEvent(each)}
              {each.ipAddress && ` from ${each.ipAddress}`}
            </Text>
          </Stack>
        </Paper>
      ))}
    </Stack>
  )
}

function What({ event }: { event: AuditEvent }) {
  const { Icon, color } = signs[event.action]
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <ThemeIcon size={22} variant="light" color={color} aria-hidden>
        <Icon size={14} />
      </ThemeIcon>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {event.summary}
      </Text>
    </Group>
  )
}

function KeyOf({ event: { apiKey } }: { event: AuditEvent }) {
  const { id } = useOrganization()
  if (!apiKey) return null
  return (
    <Anchor
      component={Link}
      to={`/organizations/${id}/api-keys/${apiKey.id}/usage`}
      size="sm"
      style={{ overflowWrap: 'anywhere' }}
    >
      {apiKey.name}
    </Anchor>
  )
}

function Who({ event }: { event: AuditEvent }) {
  const { actor } = event
  if (!actor) {
    return (
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {capitalized(authorOfEvent(event))}
      </Text>
    )
  }
  return (
    <>
      <Text size="sm">{actor.name}</Text>
      <Text size="xs" c="dimmed" truncate title={actor.email}>
        {actor.email}
      </Text>
    </>
  )
}
