/** The key's callers: pairs of address and user agent whose requests were allowed. */
import { Anchor, Paper, Stack, Table, Text, Title } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { RelativeTime } from '../shared/RelativeTime'
import { counted, grouped } from './numbers'
import type { Caller } from './operations'

export function Callers({ callers }: { callers: readonly Caller[] }) {
  const narrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false })
  return (
    <Paper withBorder component="section" aria-labelledby="callers">
      <Stack gap={4} p="md">
        <Title order={2} size="h5" id="callers">
          Callers
        </Title>
        <Text size="sm" c="dimmed">
          {callers.length === 0 ? (
            'No request with this key has been allowed yet. The first caller appears here within seconds.'
          ) : (
            <>
              The 20 most recent callers whose requests were allowed. Anybody can fake a user agent. An
              address that nobody recognizes may mean that{' '}
              <Anchor href="/docs/guide/keys#if-a-secret-got-out">the secret leaked</Anchor>.
            </>
          )}
        </Text>
      </Stack>
      {callers.length > 0 &&
        (narrow ? (
          <Stack component="ul" gap="sm" m={0} px="md" pb="md" style={{ listStyle: 'none' }}>
            {callers.map((each) => (
              <li key={nameOf(each)}>
                <Address of={each} />
                <Text size="sm" c="dimmed">
                  {counted(each.requests, 'request')}, last <RelativeTime at={each.lastSeenAt} />, first{' '}
                  <RelativeTime at={each.firstSeenAt} />
                </Text>
              </li>
            ))}
          </Stack>
        ) : (
          <Table verticalSpacing="xs" horizontalSpacing="md" aria-labelledby="callers">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Caller</Table.Th>
                <Table.Th ta="right">Requests</Table.Th>
                <Table.Th>Last seen</Table.Th>
                <Table.Th>First seen</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {callers.map((each) => (
                <Table.Tr key={nameOf(each)}>
                  <Table.Td>
                    <Address of={each} />
                  </Table.Td>
                  <Table.Td ta="right" style={{ fontVariantNumeric: 'tabular-nums' }}>
                    {grouped(each.requests)}
                  </Table.Td>
                  <Table.Td>
                    <RelativeTime at={each.lastSeenAt} />
                  </Table.Td>
                  <Table.Td>
                    <RelativeTime at={each.firstSeenAt} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        ))}
    </Paper>
  )
}

/** The address and the user agent of a request. */
export function Address({ of: { ipAddress, userAgent } }: { of: Pick<Caller, 'ipAddress' | 'userAgent'> }) {
  return (
    <>
      <Text size="sm" ff="monospace">
        {ipAddress ?? 'Unknown address'}
      </Text>
      <Text
        size="xs"
        c="dimmed"
        lineClamp={2}
        style={{ overflowWrap: 'anywhere' }}
        title={userAgent ?? undefined}
      >
        {userAgent ?? 'No user agent'}
      </Text>
    </>
  )
}

function nameOf({ ipAddress, userAgent }: Caller): string {
  return `${ipAddress} ${userAgent}`
}
