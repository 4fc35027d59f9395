/** Shows the dialog of the People page that the address names. */
import type { ReactNode } from 'react'
import { Kept } from '../shared/Kept'
import { ChangeDialog } from './ChangeDialog'
import { usePeopleDialogs } from './dialogs'
import { InviteDialog } from './InviteDialog'
import type { Invitation, Member, People } from './operations'
import { RemoveDialog, type Removed } from './RemoveDialog'
import { ResendDialog } from './ResendDialog'
import { RevokeDialog } from './RevokeDialog'

interface Props {
  people: People | undefined
  onRemoved: (removed: Removed) => void
}

export function PeopleDialogs({ people, onRemoved }: Props) {
  const { dialog, about, close } = usePeopleDialogs()
  if (!dialog || !people) return null

  function ofMember(show: (member: Member) => ReactNode) {
    return (
      <Kept
        key={dialog + about}
        value={people?.members.find(({ user }) => user.id === about)}
        gone="There is no such person here. Somebody else may have removed them in the meantime."
        onClose={close}
        focusAfter={['invite']}
      >
        {show}
      </Kept>
    )
  }

  function ofInvitation(show: (invitation: Invitation) => ReactNode) {
    return (
      <Kept
        key={dialog + about}
        value={people?.invitations.find(({ id }) => id === about)}
        gone="There is no such invitation. It may have been accepted or revoked in the meantime."
        onClose={close}
        focusAfter={['invite']}
      >
        {show}
      </Kept>
    )
  }

  switch (dialog) {
    case 'invite':
      return <InviteDialog people={people} onClose={close} />
    case 'change':
      return ofMember((member) => <ChangeDialog member={member} people={people} onClose={close} />)
    case 'remove':
      return ofMember((member) => (
        <RemoveDialog
          member={member}
          onRemoved={(removed) => {
            close()
            onRemoved(removed)
          }}
          onClose={close}
        />
      ))
    case 'resend':
      return ofInvitation((invitation) => <ResendDialog invitation={invitation} onClose={close} />)
    case 'revoke':
      return ofInvitation((invitation) => <RevokeDialog invitation={invitation} onClose={close} />)
  }
}
