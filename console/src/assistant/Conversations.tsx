/** The person's own conversations, newest first. */
import { Button, Skeleton, Stack, Text, UnstyledButton } from '@mantine/core'
import { useCallback, useEffect, useState } from 'react'
import { type CombinedError, useClient } from 'urql'
import { RelativeTime } from '../shared/RelativeTime'
import { Trouble } from '../shared/Trouble'
import { useOrganization } from '../shared/viewer'
import classes from './assistant.module.css'
import { type ConversationEntry, ConversationsQuery, pageOfConversations } from './operations'

interface Props {
  /** The one that is on show. */
  currentId?: string
  onOpen: (id: string) => Promise<CombinedError | undefined>
}

export function Conversations({ currentId, onOpen }: Props) {
  const { conversations, hasMore, isReading, error, readMore } = useConversations()
  const [opening, setOpening] = useState<{ id: string; error?: CombinedError }>()

  async function open(id: string) {
    setOpening({ id })
    const failure = await onOpen(id)
    if (failure) setOpening({ id, error: failure })
  }

  return (
    <Stack gap="xs">
      <Text size="sm" fw={600} id="conversations">
        Earlier conversations
      </Text>
      {opening?.error && (
        <Trouble
          error={opening.error}
          what="The conversation could not be read."
          onRetry={() => open(opening.id)}
        />
      )}
      {conversations.length === 0 && !isReading && !error && (
        <Text size="sm" c="dimmed">
          You have no earlier conversations. A conversation is kept for 90 days after its last message, and
          nobody else can see it.
        </Text>
      )}
      <Stack gap={2} component="ul" p={0} m={0} aria-labelledby="conversations" style={{ listStyle: 'none' }}>
        {conversations.map(({ id, title, startedAt }) => (
          <li key={id}>
            <UnstyledButton
              className={classes.entry}
              aria-current={id === currentId || undefined}
              onClick={() => open(id)}
            >
              <Text size="sm" fw={id === currentId ? 600 : undefined} lineClamp={2}>
                {title}
              </Text>
              <Text size="xs" c="dimmed">
                <RelativeTime at={startedAt} />
              </Text>
            </UnstyledButton>
          </li>
        ))}
      </Stack>
      {isReading && [0, 1, 2].map((row) => <Skeleton key={row} h={44} aria-label="Loading" />)}
      {error && <Trouble error={error} what="The conversations could not be read." onRetry={readMore} />}
      {hasMore && !isReading && !error && (
        <Button variant="default" size="xs" onClick={readMore}>
          Show more
        </Button>
      )}
    </Stack>
  )
}

function useConversations() {
  const client = useClient()
  const { id: organizationId } = useOrganization()
  const [conversations, setConversations] = useState<ConversationEntry[]>([])
  const [hasMore, setHasMore] = useState(false)
  const [isReading, setIsReading] = useState(true)
  const [error, setError] = useState<CombinedError>()

  const read = useCallback(
    async (before?: string) => {
      setIsReading(true)
      setError(undefined)
      const variables = { organizationId, first: pageOfConversations, before }
      const result = await client
        .query(ConversationsQuery, variables, { requestPolicy: 'network-only' })
        .toPromise()
      setIsReading(false)
      const found = result.data?.organization?.conversations
      if (!found) return setError(result.error)
      setConversations((now) => (before ? [...now, ...found] : found))
      setHasMore(found.length === pageOfConversations)
    },
    [client, organizationId],
  )
  useEffect(() => {
    read()
  }, [read])

  return { conversations, hasMore, isReading, error, readMore: () => read(conversations.at(-1)?.id) }
}
