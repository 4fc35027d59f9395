/** Hands the conversation, or a note alone, over to the support team. */
import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import { type CombinedError, useMutation } from 'urql'
import { Trouble } from '../app/Trouble'
import { useOrganization, useSignedIn } from '../app/viewer'
import { ContactSupport, type Ticket } from './operations'
import { TicketNote } from './TicketNote'
import type { Conversation } from './use-chat'

const longestNote = 2000

interface Props {
  conversation?: Conversation
  note: string
  onNote: (note: string) => void
  onHandedOver: (ticket: Ticket) => void
  onBack: () => void
}

export function TalkToAPerson({ conversation, note, onNote, onHandedOver, onBack }: Props) {
  const { id: organizationId } = useOrganization()
  const { supportEmail } = useSignedIn()
  const [{ fetching }, contactSupport] = useMutation(ContactSupport)
  const [refused, setRefused] = useState<string>()
  const [error, setError] = useState<CombinedError>()
  const [sent, setSent] = useState<Ticket>()
  const ticket = conversation?.ticket ?? sent
  const length = [...note].length
  const isTooLong = length > longestNote

  async function handOver() {
    setRefused(undefined)
    setError(undefined)
    const result = await contactSupport({
      organizationId,
      conversationId: conversation?.id,
      note: note.trim() || undefined,
    })
    const answer = result.data?.contactSupport
    if (answer?.__typename === 'SupportTicket') {
      onNote('')
      setSent(answer)
      onHandedOver(answer)
    } else if (answer) setRefused(answer.message)
    else setError(result.error)
  }

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
        if (!isTooLong) handOver()
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
        {error && <Trouble error={error} what="It was not handed over." />}
        <Group justify="flex-end">
          <Button size="xs" variant="default" onClick={onBack}>
            Cancel
          </Button>
          <Button size="xs" type="submit" loading={fetching} disabled={isTooLong}>
            Hand over
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
