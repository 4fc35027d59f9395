/** The link of an invitation, where no mail server sends it: the admin passes it on. */

import { brand } from '../shared/brand'
import { ShownOnce } from '../shared/ShownOnce'

interface Props {
  link: string
  email: string
  onDone: () => void
}

export function InvitationLink({ link, email, onDone }: Props) {
  return (
    <ShownOnce
      label="Link"
      value={link}
      warning={`${brand.name} has no mail server, so nothing was mailed. Send this link to ${email} yourself, in a way that nobody else can read: who has it can accept the invitation. It is shown only this once.`}
      question="Leave without the link?"
      loss="You have not copied the link, and it can’t be shown again. To get another one, choose “Send again” in the list of invitations."
      onDone={onDone}
    />
  )
}
