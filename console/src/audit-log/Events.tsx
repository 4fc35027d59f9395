/** The events, newest first, page by page. */
import { Button, Center, Paper, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useEffect, useRef, useState } from 'react'
import { useQuery } from 'urql'
import { LoadingRows } from '../shared/ListStates'
import { Trouble } from '../shared/Trouble'
import { useOrganization } from '../shared/viewer'
import { EventCards, EventTable } from './EventRows'
import { AuditLogQuery, aboutEvents } from './operations'

interface Props {
  /** Changes when the person wants everything read again. */
  round: number
  /** The cursor of the page before. */
  after?: string | null
}

/** One page, and below it the next. Each begins where the one above ends, even if new events have come in since. */
export function Events({ round, after = null }: Props) {
  const { id } = useOrganization()
  const narrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false })
  const [more, setMore] = useState(false)
  const [{ data, error, fetching }, execute] = useQuery({
    query: AuditLogQuery,
    variables: { organizationId: id, after },
    requestPolicy: 'cache-and-network',
    context: aboutEvents,
  })
  const refresh = () => execute({ requestPolicy: 'network-only' })
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the number that asks
  useEffect(() => {
    if (round > 0) refresh()
  }, [round])

  const log = data?.organization?.auditLog
  // *Show more* disappears when it is pressed, so the focus moves to the new events.
  const brought = useRef<HTMLDivElement>(null)
  const isThere = log !== undefined
  useEffect(() => {
    if (isThere && after !== null) brought.current?.focus({ preventScroll: true })
  }, [isThere, after])

  if (error && !fetching)
    return <Trouble error={error} what="The audit log could not be read." onRetry={refresh} />
  if (!log) return <LoadingRows />
  const events = log.edges.map(({ node }) => node)
  if (events.length === 0 && after === null) {
    return (
      <Paper withBorder p="lg">
        <Text size="sm">
          There are no events yet. Everything that is done to an API key is recorded here.
        </Text>
      </Paper>
    )
  }
  const Rows = narrow ? EventCards : EventTable
  return (
    <Stack ref={brought} tabIndex={-1} style={{ outline: 'none' }}>
      <Rows events={events} />
      {log.pageInfo.hasNextPage &&
        (more ? (
          <Events round={round} after={log.pageInfo.endCursor} />
        ) : (
          <Center>
            <Button variant="default" onClick={() => setMore(true)}>
              Show more
            </Button>
          </Center>
        ))}
    </Stack>
  )
}
