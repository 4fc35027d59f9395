/** The state of a hand-over: where it was sent, or that it is waiting. */
import { Anchor, Code, Group, Paper, Text } from '@mantine/core'
import { IconLifebuoy } from '@tabler/icons-react'
import { useEffect, useRef } from 'react'
import { useQuery } from 'urql'
import { brand } from '../shared/brand'
import { RelativeTime } from '../shared/RelativeTime'
import { useSignedIn } from '../shared/viewer'
import classes from './assistant.module.css'
import { type Ticket, TicketQuery } from './operations'

const lookAgainMilliseconds = 5000
const looksAtMost = 24

interface Props {
  ticket: Ticket
  /** With it, the ticket's state is read again while it waits. */
  conversationId?: string
}

export function TicketNote({ ticket: known, conversationId }: Props) {
  const ticket = useNewest(known, conversationId)
  const { viewer } = useSignedIn()
  const { id, sentTo, sentAt, createdAt } = ticket
  return (
    <Paper withBorder p="sm" role="status">
      <Group gap={6} mb={4}>
        <IconLifebuoy size={18} stroke={1.5} aria-hidden />
        <Text size="sm" fw={600}>
          Handed over to a person
        </Text>
      </Group>
      <Text size="sm">
        {sentTo === null ? (
          <>
            Saved <RelativeTime at={createdAt} /> for the operator of {brand.name}.
          </>
        ) : (
          <>
            {sentAt === null ? 'Waiting to be sent to ' : 'Sent to '}
            <Anchor href={`mailto:${sentTo}`} inherit>
              {sentTo}
            </Anchor>
            {sentAt !== null && (
              <>
                {' '}
                <RelativeTime at={sentAt} />
              </>
            )}
            .
          </>
        )}{' '}
        The answer comes by e-mail, to {viewer.user.email}.
      </Text>
      <Text size="xs" mt={6} className={classes.plain}>
        Ticket <Code>{id}</Code>
      </Text>
    </Paper>
  )
}

function useNewest(known: Ticket, conversationId?: string): Ticket {
  const waits = conversationId !== undefined && known.sentTo !== null && known.sentAt === null
  const [{ data }, read] = useQuery({
    query: TicketQuery,
    variables: { conversationId: conversationId ?? '' },
    pause: !waits,
    requestPolicy: 'network-only',
  })
  const newest = data?.conversation?.ticket ?? known
  const looks = useRef(0)
  const stillWaits = waits && newest.sentAt === null
  useEffect(() => {
    if (!stillWaits) return
    const timer = setInterval(() => {
      if (!document.hidden && looks.current++ < looksAtMost) read()
    }, lookAgainMilliseconds)
    return () => clearInterval(timer)
  }, [stillWaits, read])
  return newest
}
