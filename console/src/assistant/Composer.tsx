/** Where the person writes: Enter sends, Shift+Enter begins a new line. */
import { ActionIcon, Alert, Group, Pill, Text, Textarea } from '@mantine/core'
import { getHotkeyHandler } from '@mantine/hooks'
import { IconSend2 } from '@tabler/icons-react'
import { type FormEvent, type Ref, useId } from 'react'
import type { Refused } from './ask'

const longest = 4000
const nearlyLongest = 3500

interface Props {
  ref: Ref<HTMLTextAreaElement>
  draft: string
  onDraft: (draft: string) => void
  onSend: () => void
  isAsking: boolean
  refused?: Refused
  /** The name of the key that is sent with the question. */
  about?: string
  onForgetAbout: () => void
}

export function Composer({ ref, draft, onDraft, onSend, isAsking, refused, about, onForgetAbout }: Props) {
  const hintId = useId()
  const length = [...draft].length
  const isTooLong = length > longest

  function send(event?: FormEvent) {
    event?.preventDefault()
    if (draft.trim() && !isTooLong && !isAsking) onSend()
  }

  return (
    <form onSubmit={send}>
      {refused && (
        <Alert color="red" p="xs" mb="xs" role="alert">
          {refused.message}
        </Alert>
      )}
      {about && (
        <Group gap={6} mb={6} wrap="nowrap">
          <Text size="xs" c="dimmed" style={{ flexShrink: 0 }}>
            About
          </Text>
          <Pill
            size="sm"
            maw="80%"
            withRemoveButton
            removeButtonProps={{
              'aria-label': `Do not ask about ${about}`,
              tabIndex: 0,
              'aria-hidden': false,
            }}
            onRemove={onForgetAbout}
          >
            {about}
          </Pill>
        </Group>
      )}
      <Group gap="xs" wrap="nowrap" align="flex-end">
        <Textarea
          ref={ref}
          aria-label="Your question"
          aria-describedby={hintId}
          placeholder="Ask about your API keys"
          value={draft}
          onChange={(event) => onDraft(event.currentTarget.value)}
          onKeyDown={(event) => {
            // Enter also ends a word in an input method, for example in Japanese.
            if (!event.nativeEvent.isComposing) getHotkeyHandler([['Enter', () => send()]])(event)
          }}
          error={isTooLong}
          autosize
          minRows={1}
          maxRows={8}
          flex={1}
        />
        <ActionIcon
          type="submit"
          size={36}
          aria-label="Send"
          loading={isAsking}
          disabled={!draft.trim() || isTooLong}
        >
          <IconSend2 size={18} />
        </ActionIcon>
      </Group>
      <Text id={hintId} size="xs" c="dimmed" mt={4}>
        {length > nearlyLongest ? (
          <Text span inherit c={isTooLong ? 'red' : undefined}>
            {length.toLocaleString('en')} of {longest.toLocaleString('en')} characters.
          </Text>
        ) : (
          'Keys that you paste are removed before anything is stored.'
        )}
      </Text>
    </form>
  )
}
