/** The messages, oldest first, with the actions and replies that each answer offers. */
import { Button, Group, Loader, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import type { CombinedError } from 'urql'
import { Trouble } from '../shared/Trouble'
import classes from './assistant.module.css'
import { ChatMessage } from './ChatMessage'
import { Rating } from './Rating'
import { SuggestedActions } from './SuggestedActions'
import { TicketNote } from './TicketNote'
import type { About, useChat } from './use-chat'

interface Props {
  chat: ReturnType<typeof useChat>
  onAsk: (message: string, about: About) => void
  onContactSupport: () => void
  onLeave: () => void
}

export function ChatLog({ chat, onAsk, onContactSupport, onLeave }: Props) {
  const { conversation, entries, isAsking, error } = chat
  const last = entries.at(-1)
  const replies = isAsking || error ? [] : (last?.message?.suggestedReplies ?? [])
  return (
    <Stack gap="md">
      {chat.hasEarlier && <EarlierMessages onRead={chat.readEarlier} />}
      <Stack gap="md" role="log" aria-label="Conversation" aria-live="polite" aria-relevant="additions">
        {entries.map((entry) => (
          <ChatMessage key={entry.key} entry={entry}>
            {entry.message && (
              <>
                <SuggestedActions
                  actions={entry.message.actions}
                  onContactSupport={onContactSupport}
                  onLeave={onLeave}
                />
                <Rating message={entry.message} onRated={chat.rated} onContactSupport={onContactSupport} />
              </>
            )}
          </ChatMessage>
        ))}
      </Stack>
      {isAsking && last?.author === 'PERSON' && (
        <Group gap="xs" role="status">
          <Loader size="xs" type="dots" />
          <Text size="xs" c="dimmed">
            Looking…
          </Text>
        </Group>
      )}
      {error && (
        <Stack gap="xs" align="flex-start">
          <Trouble error={error} what="Your question was not answered." onRetry={chat.tryAgain} />
          <Button size="compact-xs" variant="subtle" onClick={chat.takeBack}>
            Change the question
          </Button>
        </Stack>
      )}
      {conversation?.ticket && (
        <TicketNote
          key={conversation.ticket.id}
          ticket={conversation.ticket}
          conversationId={conversation.id}
        />
      )}
      {replies.length > 0 && (
        <Stack gap={6} align="flex-end" role="group" aria-label="Suggested replies">
          {replies.map(({ id, label, message }) => (
            <Button
              key={label}
              size="xs"
              radius="xl"
              variant="outline"
              fw={500}
              className={classes.choice}
              onClick={() => onAsk(message, { suggestionId: id })}
            >
              {label}
            </Button>
          ))}
        </Stack>
      )}
    </Stack>
  )
}

function EarlierMessages({ onRead }: { onRead: () => Promise<CombinedError | undefined> }) {
  const [isReading, setIsReading] = useState(false)
  const [error, setError] = useState<CombinedError>()

  async function read() {
    setIsReading(true)
    setError(await onRead())
    setIsReading(false)
  }

  if (error) return <Trouble error={error} what="Earlier messages could not be read." onRetry={read} />
  return (
    <Button variant="subtle" size="compact-sm" loading={isReading} onClick={read}>
      Show earlier messages
    </Button>
  )
}
