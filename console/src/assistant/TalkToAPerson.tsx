/** Hands the conversation, or only a note, over to the support team. */
import { Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { SubmitForm } from '../shared/SubmitForm'
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
  const { submission, ticket } = handing
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
    <SubmitForm
      submission={submission}
      onSubmit={(event) => {
        event.preventDefault()
        if (!isTooLong) handing.handOver(note)
      }}
      failure="Your request was not handed over."
      loss={{
        what: 'Your request may have been handed over.',
        where: conversation && 'the conversation',
        absent: conversation
          ? 'So far the conversation has no ticket. Trying again does not create a second one.'
          : 'If you try again, the support team may get your note twice.',
      }}
      label="Hand over"
      doing="Handing your request over."
      size="xs"
      disabled={isTooLong}
      onCancel={onBack}
    >
      <Text fw={600} size="sm">
        Talk to a person
      </Text>
      <Text size="sm">
        {conversation
          ? 'This conversation goes to the support team with what the assistant found, so that you don’t have to explain it again.'
          : 'Your note goes to the support team.'}{' '}
        The answer comes by e-mail{supportEmail ? `, from ${supportEmail}` : ''}.
      </Text>
      <Textarea
        label="Note"
        description={conversation ? 'Anything that you want to add.' : 'What is it about?'}
        value={note}
        onChange={(event) => onNote(event.currentTarget.value)}
        error={isTooLong && `${length.toLocaleString('en')} of 2,000 characters.`}
        autosize
        minRows={3}
        maxRows={12}
        autoFocus
      />
      <Text size="xs" c="dimmed">
        Keys that you paste are removed before anything is stored or sent.
      </Text>
    </SubmitForm>
  )
}
