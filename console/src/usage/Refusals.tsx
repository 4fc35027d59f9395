/** The newest refused requests, with the reason, what to do, and a button that asks the assistant about each. */
import {
  Anchor,
  Button,
  Code,
  Group,
  List,
  Paper,
  Stack,
  Table,
  Text,
  Title,
  VisuallyHidden,
} from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useEffect, useRef } from 'react'
import type { ApiKey } from '../api-keys/operations'
import { useAssistant } from '../shared/assistant-context'
import { RelativeTime } from '../shared/RelativeTime'
import { Address } from './Callers'
import { clock } from './numbers'
import type { Refusal } from './operations'
import { reasons, reasonsOf } from './reasons'

interface Props {
  apiKey: ApiKey
  refusals: readonly Refusal[]
  /** Undefined where all are shown. */
  onMore: (() => void) | undefined
  busy: boolean
}

export function Refusals({ apiKey, refusals, onMore, busy }: Props) {
  const narrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false })
  const Rows = narrow ? Cards : Lines
  const shown = useRef(refusals.length)
  const asked = useRef(false)

  // The button that was pressed may be gone, so the focus moves to the first new row.
  useEffect(() => {
    const firstNew = refusals[shown.current]
    if (asked.current && firstNew) {
      document.getElementById(whyId(firstNew))?.focus()
      asked.current = false
    }
    shown.current = refusals.length
  }, [refusals])

  function showMore() {
    asked.current = true
    onMore?.()
  }

  return (
    <Paper withBorder component="section" aria-labelledby="refusals">
      <Stack gap="xs" p="md">
        <Title order={2} size="h5" id="refusals">
          Refused requests
        </Title>
        {refusals.length === 0 ? (
          <Text size="sm" c="dimmed">
            No request with this key was refused in the last 90 days. Requests without a key, or with a key
            that was not issued here, are not listed under any key. To find out why one was refused, give its
            request id to the assistant.
          </Text>
        ) : (
          <List size="sm" spacing={4} aria-label="What the reasons mean">
            {reasonsOf(refusals).map((each) => (
              <List.Item key={each}>
                <Text span size="sm" fw={600}>
                  {reasons[each].label}
                </Text>
                {': '}
                {reasons[each].meaning} {reasons[each].advice}{' '}
                <Anchor
                  href={`/docs/errors#${reasons[each].code}`}
                  size="sm"
                  aria-label={`More about: ${reasons[each].label}`}
                >
                  More
                </Anchor>
              </List.Item>
            ))}
          </List>
        )}
      </Stack>
      {refusals.length > 0 && <Rows apiKey={apiKey} refusals={refusals} />}
      {onMore && (
        <Group justify="center" p="xs">
          <Button variant="subtle" size="xs" onClick={showMore} loading={busy}>
            Show more
          </Button>
        </Group>
      )}
    </Paper>
  )
}

interface RowsProps {
  apiKey: ApiKey
  refusals: readonly Refusal[]
}

function Lines({ apiKey, refusals }: RowsProps) {
  const withAgent = refusals.some((each) => each.agent)
  return (
    <Table verticalSpacing="xs" horizontalSpacing="md" aria-labelledby="refusals">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>When</Table.Th>
          <Table.Th>Reason</Table.Th>
          <Table.Th>Caller</Table.Th>
          {withAgent && <Table.Th>For the agent</Table.Th>}
          <Table.Th w={80}>
            <VisuallyHidden>Why</VisuallyHidden>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {refusals.map((each) => (
          <Table.Tr key={each.id}>
            <Table.Td>
              <RelativeTime at={each.at} />
              <Text size="xs" c="dimmed">
                {clock(each.at)}
              </Text>
            </Table.Td>
            <Table.Td>
              <ReasonOf refusal={each} />
            </Table.Td>
            <Table.Td>
              <Address of={each} />
            </Table.Td>
            {withAgent && <Table.Td>{each.agent?.name}</Table.Td>}
            <Table.Td>
              <Why apiKey={apiKey} refusal={each} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}

function Cards({ apiKey, refusals }: RowsProps) {
  return (
    <Stack component="ul" gap="sm" m={0} px="md" pb="md" style={{ listStyle: 'none' }}>
      {refusals.map((each) => (
        <Group key={each.id} component="li" justify="space-between" align="flex-start" wrap="nowrap">
          <div style={{ minWidth: 0 }}>
            <ReasonOf refusal={each} />
            <Text size="sm" c="dimmed">
              <RelativeTime at={each.at} />, {clock(each.at)}
              {each.agent && `, for ${each.agent.name}`}
            </Text>
            <Address of={each} />
          </div>
          <Why apiKey={apiKey} refusal={each} />
        </Group>
      ))}
    </Stack>
  )
}

function ReasonOf({ refusal }: { refusal: Refusal }) {
  const { status, label } = reasons[refusal.reason]
  return (
    <Group gap={6} wrap="nowrap">
      <Code>{status}</Code>
      <Text size="sm">{label}</Text>
    </Group>
  )
}

function Why({ apiKey, refusal }: { apiKey: ApiKey; refusal: Refusal }) {
  const assistant = useAssistant()
  const message = `Why was the request ${refusal.id} refused?`
  return (
    <Button
      id={whyId(refusal)}
      size="compact-sm"
      variant="subtle"
      style={{ flexShrink: 0 }}
      onClick={() => assistant.open({ apiKeyId: apiKey.id, requestId: refusal.id, message })}
    >
      Why?
    </Button>
  )
}

function whyId(refusal: Refusal): string {
  return `why-${refusal.id}`
}
