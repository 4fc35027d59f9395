/** Sends an invitation again: a question, then the link, if there is no mail server that sends it. */
import { Text } from '@mantine/core'
import { useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { InvitationLink } from './InvitationLink'
import { aboutPeople, type Invitation, ResendInvitation } from './operations'

interface Props {
  invitation: Invitation
  onClose: () => void
}

export function ResendDialog({ invitation, onClose }: Props) {
  const [link, setLink] = useState<string>()
  return (
    <Dialog
      title={link ? `${invitation.email} is invited` : 'Send the invitation again?'}
      onClose={onClose}
      focusAfter={[menuId(invitation.id), 'invite']}
    >
      {link ? (
        <InvitationLink link={link} email={invitation.email} onDone={onClose} />
      ) : (
        <ResendForm
          invitation={invitation}
          onSent={(shown) => {
            if (shown) return setLink(shown)
            toast(`The invitation to ${invitation.email} is on its way again.`)
            onClose()
          }}
          onCancel={onClose}
        />
      )}
    </Dialog>
  )
}

interface FormProps {
  invitation: Invitation
  onSent: (link: string | null) => void
  onCancel: () => void
}

export function ResendForm({ invitation, onSent, onCancel }: FormProps) {
  const sending = useSubmit({
    mutation: ResendInvitation,
    about: aboutPeople,
    answerIn: (data) => data.resendInvitation,
    onAnswer: (answer) => {
      if (answer.__typename === 'InvitationNotFound') return answer.message
      onSent(answer.link)
    },
  })
  return (
    <SubmitForm
      submission={sending}
      onSubmit={(event) => {
        event.preventDefault()
        sending.send({ input: { id: invitation.id } })
      }}
      failure="The invitation was not sent."
      loss={{
        what: 'The invitation may have been sent.',
        absent: 'You can send it once more: only the newest link works.',
      }}
      label="Send again"
      doing="Sending the invitation."
      onCancel={onCancel}
    >
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        <b>{invitation.email}</b> gets a new link, with the full time to accept. The link before stops
        working.
      </Text>
    </SubmitForm>
  )
}
