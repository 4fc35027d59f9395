/** The keys as a table, with a column to sort by; on a narrow screen as cards. */
import {
  Anchor,
  Badge,
  Group,
  Paper,
  Stack,
  Table,
  Text,
  UnstyledButton,
  VisuallyHidden,
} from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react'
import { Link } from 'react-router'
import { useAssistant } from '../shared/assistant-context'
import { author } from '../shared/author'
import { RelativeTime } from '../shared/RelativeTime'
import { useOrganization } from '../shared/viewer'
import { ApiKeyMenu } from './ApiKeyMenu'
import type { ApiKey } from './operations'
import { ScopeOf } from './ScopeOf'
import { type Column, nextOrder, type Order } from './sorting'

interface Props {
  keys: readonly ApiKey[]
  order: Order
  onOrder: (order: Order) => void
}

export function ApiKeyTable({ keys, order, onOrder }: Props) {
  const beside = useAssistant().opened // it takes a part of the width
  const narrow = useMediaQuery(`(max-width: ${beside ? 72 : 48}em)`, false, {
    getInitialValueInEffect: false,
  })
  if (narrow) {
    return (
      <Stack component="ul" gap="xs" m={0} p={0} aria-label="API keys">
        {keys.map((each) => (
          <Card key={each.id} apiKey={each} />
        ))}
      </Stack>
    )
  }
  const heading = { order, onOrder }
  return (
    <Paper withBorder>
      <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover aria-label="API keys">
        <Table.Thead>
          <Table.Tr>
            <Heading column="name" label="Name" {...heading} />
            <Heading column="scope" label="Scope" {...heading} />
            <Table.Th>Key</Table.Th>
            <Heading column="createdAt" label="Created" {...heading} />
            <Heading column="lastUsedAt" label="Last used" {...heading} />
            <Table.Th w={50}>
              <VisuallyHidden>Menu</VisuallyHidden>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((each) => (
            <Table.Tr key={each.id}>
              <Table.Td>
                <Name apiKey={each} />
              </Table.Td>
              <Table.Td>
                <ScopeOf apiKey={each} />
              </Table.Td>
              <Table.Td>
                <Hint apiKey={each} />
              </Table.Td>
              <Table.Td>
                <Text size="sm">
                  <RelativeTime at={each.createdAt} />
                </Text>
                <Text size="xs" c="dimmed">
                  by {author(each.createdBy, each.createdByToken)}
                </Text>
              </Table.Td>
              <Table.Td>
                <Text size="sm">
                  <LastUsed apiKey={each} />
                </Text>
              </Table.Td>
              <Table.Td>
                <ApiKeyMenu apiKey={each} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  )
}

interface HeadingProps {
  column: Column
  label: string
  order: Order
  onOrder: (order: Order) => void
}

function Heading({ column, label, order, onOrder }: HeadingProps) {
  const current = order.column === column
  const Arrow = order.descending ? IconArrowDown : IconArrowUp
  return (
    <Table.Th aria-sort={current ? (order.descending ? 'descending' : 'ascending') : 'none'}>
      <UnstyledButton onClick={() => onOrder(nextOrder(order, column))} fz="inherit" fw="inherit">
        <Group gap={4} wrap="nowrap">
          {label}
          <Arrow size={14} visibility={current ? 'visible' : 'hidden'} />
        </Group>
      </UnstyledButton>
    </Table.Th>
  )
}

function Card({ apiKey }: { apiKey: ApiKey }) {
  return (
    <Paper component="li" withBorder p="sm" style={{ listStyle: 'none' }}>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <Stack gap={4} miw={0}>
          <Name apiKey={apiKey} />
          <ScopeOf apiKey={apiKey} />
          <Hint apiKey={apiKey} />
          <Text size="sm" c="dimmed">
            Created <RelativeTime at={apiKey.createdAt} /> by{' '}
            {author(apiKey.createdBy, apiKey.createdByToken)}
          </Text>
          <Text size="sm" c="dimmed">
            Last used: <LastUsed apiKey={apiKey} />
          </Text>
        </Stack>
        <ApiKeyMenu apiKey={apiKey} />
      </Group>
    </Paper>
  )
}

function Name({ apiKey }: { apiKey: ApiKey }) {
  const { id } = useOrganization()
  return (
    <Stack gap={2}>
      <Group gap="xs">
        <Anchor
          component={Link}
          to={`/organizations/${id}/api-keys/${apiKey.id}/usage`}
          fz="sm"
          fw={500}
          underline="hover"
          c={apiKey.deletedAt ? 'dimmed' : 'var(--mantine-color-text)'}
          style={{ overflowWrap: 'anywhere' }}
        >
          {apiKey.name}
        </Anchor>
        {apiKey.deletedAt && (
          <Badge size="sm" color="gray" variant="light">
            Deleted
          </Badge>
        )}
      </Group>
      {apiKey.deletedAt && (
        <Text size="xs" c="dimmed">
          <RelativeTime at={apiKey.deletedAt} /> by {author(apiKey.deletedBy, apiKey.deletedByToken)}
        </Text>
      )}
      {apiKey.previousSecretWorksUntil && !apiKey.deletedAt && (
        <Text size="xs" c="dimmed">
          Old secret ends <RelativeTime at={apiKey.previousSecretWorksUntil} />
        </Text>
      )}
    </Stack>
  )
}

function Hint({ apiKey }: { apiKey: ApiKey }) {
  return (
    <Text
      size="sm"
      ff="monospace"
      style={{ whiteSpace: 'nowrap' }}
      c={apiKey.deletedAt ? 'dimmed' : undefined}
    >
      {apiKey.hint}
    </Text>
  )
}

function LastUsed({ apiKey }: { apiKey: ApiKey }) {
  return apiKey.lastUsedAt ? <RelativeTime at={apiKey.lastUsedAt} /> : 'never'
}
