/** Revokes an invitation, after a question. */
import { Text } from '@mantine/core'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { aboutPeople, type Invitation, RevokeInvitation } from './operations'
import { useLookAtPeople } from './use-people'

interface Props {
  invitation: Invitation
  onClose: () => void
}

export function RevokeDialog({ invitation, onClose }: Props) {
  return (
    <Dialog title="Revoke the invitation?" onClose={onClose} focusAfter={[menuId(invitation.id), 'invite']}>
      <RevokeForm
        invitation={invitation}
        onRevoked={() => {
          toast(`The invitation of ${invitation.email} was revoked.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}

interface FormProps {
  invitation: Invitation
  onRevoked: () => void
  onCancel: () => void
}

export function RevokeForm({ invitation, onRevoked, onCancel }: FormProps) {
  const look = useLookAtPeople()
  const revoking = useSubmit({
    mutation: RevokeInvitation,
    about: aboutPeople,
    answerIn: (data) => data.revokeInvitation,
    look: ({ input }) =>
      look((now) => (now.invitations.some((each) => each.id === input.id) ? undefined : true)),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvitationNotFound') return answer.message
      onRevoked()
    },
  })
  const { lost } = revoking
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but the invitation is no longer in the list: it was revoked or accepted.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={revoking}
      onSubmit={(event) => {
        event.preventDefault()
        revoking.send({ input: { id: invitation.id } })
      }}
      failure="The invitation was not revoked."
      loss={{
        what: 'The invitation may have been revoked.',
        where: 'the list of invitations',
        absent: 'So far the invitation is still valid.',
      }}
      label="Revoke"
      color="red.9"
      doing="Revoking the invitation."
      onCancel={onCancel}
      focusCancel
    >
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        The link that <b>{invitation.email}</b> got stops working at once. You can invite the address again.
      </Text>
    </SubmitForm>
  )
}
