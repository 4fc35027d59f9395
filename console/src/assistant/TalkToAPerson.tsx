/** Hands the conversation, or a note alone, over to the support team. */
import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { FormButtons } from '../shared/FormButtons'
import { LostAnswer } from '../shared/LostAnswer'
import { Trouble } from '../shared/Trouble'
import { useSignedIn } from '../shared/viewer'
import { TicketNote } from './TicketNote'
import type { Conversation } from './use-chat'
import type { HandOver } from './use-hand-over'

const longestNote = 2000

interface Props {
  conversation?: Conversation
  handing: HandOver
  note: string
  onNote: (note: string) => void
  onBack: () => void
}

export function TalkToAPerson({ conversation, handing, note, onNote, onBack }: Props) {
  const { supportEmail } = useSignedIn()
  const { submission, refused, ticket } = handing
  const length = [...note].length
  const isTooLong = length > longestNote

  if (ticket) {
    return (
      <Stack gap="sm">
        <TicketNote ticket={ticket} conversationId={conversation?.id} />
        <Group justify="flex-end">
          <Button size="xs" variant="default" onClick={onBack} data-autofocus>
            Back to the chat
          </Button>
        </Group>
      </Stack>
    )
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (!isTooLong) handing.handOver(note)
      }}
    >
      <Stack gap="sm">
        <Text fw={600} size="sm">
          Talk to a person
        </Text>
        <Text size="sm">
          {conversation
            ? 'This conversation goes to the support team with what was found, so that you need not tell it again.'
            : 'Your note goes to the support team.'}{' '}
          The answer comes by e-mail{supportEmail ? `, from ${supportEmail}` : ''}.
        </Text>
        <Textarea
          label="Note"
          description={conversation ? 'If you want to add something.' : 'What is it about?'}
          value={note}
          onChange={(event) => onNote(event.currentTarget.value)}
          error={isTooLong && `${length.toLocaleString('en')} of 2,000 characters.`}
          autosize
          minRows={3}
          maxRows={12}
          autoFocus
        />
        <Text size="xs" c="dimmed">
          Keys that you paste are taken out before anything is stored or sent.
        </Text>
        {refused && (
          <Alert color="red" role="alert">
            {refused}
          </Alert>
        )}
        {submission.error && <Trouble error={submission.error} what="It was not handed over." />}
        {submission.lost && (
          <LostAnswer
            lost={submission.lost}
            what="It may have been handed over."
            where={conversation && 'the conversation'}
            absent={
              conversation
                ? 'So far the conversation has no ticket. Trying again makes no second one.'
                : 'If you try again, the support team may get your note twice.'
            }
          />
        )}
        <FormButtons
          submission={submission}
          label="Hand over"
          doing="Handing over."
          size="xs"
          disabled={isTooLong}
          onCancel={onBack}
        />
      </Stack>
    </form>
  )
}
