/** Invites an address: a form, then the link, if there is no mail server that sends it. */
import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { InvitationLink } from './InvitationLink'
import { aboutPeople, InviteMember, type People } from './operations'
import { RoleFields, type Standing, showInvalidStanding, standingOf, standingRules } from './RoleFields'
import { useLookAtPeople } from './use-people'

interface Props {
  people: People
  onClose: () => void
}

export function InviteDialog({ people, onClose }: Props) {
  const [issued, setIssued] = useState<{ email: string; link: string }>()
  return (
    <Dialog
      title={issued ? `${issued.email} is invited` : 'Invite somebody'}
      onClose={onClose}
      focusAfter={['invite']}
    >
      {issued ? (
        <InvitationLink link={issued.link} email={issued.email} onDone={onClose} />
      ) : (
        <InviteForm
          people={people}
          onInvited={(email, link) => {
            if (link) return setIssued({ email, link })
            toast(`The invitation to ${email} is on its way.`)
            onClose()
          }}
          onCancel={onClose}
        />
      )}
    </Dialog>
  )
}

interface FormProps {
  people: People
  onInvited: (email: string, link: string | null) => void
  onCancel: () => void
}

export function InviteForm({ people, onInvited, onCancel }: FormProps) {
  const { id: organizationId } = useOrganization()
  const look = useLookAtPeople()
  const form = useForm<Standing & { email: string }>({
    initialValues: { email: '', role: '', agentIds: [] },
    validate: {
      email: (value) => (value.trim() ? null : 'Enter the person’s e-mail address.'),
      ...standingRules,
    },
  })
  const inviting = useSubmit({
    mutation: InviteMember,
    about: aboutPeople,
    answerIn: (data) => data.inviteMember,
    before: () => new Set(people.invitations.map((each) => each.id)),
    look: ({ input }, before: ReadonlySet<string>) =>
      look((now) =>
        now.invitations.find(
          (each) => !before.has(each.id) && each.email.toLowerCase() === input.email.toLowerCase(),
        ),
      ),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalidStanding(form, answer)
      if (answer.__typename === 'AlreadyMember') return showInvalid(form, { ...answer, field: 'email' })
      onInvited(answer.invitation.email, answer.link)
    },
  })

  const { lost } = inviting
  if (lost?.looked && 'found' in lost.looked && lost.error) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but {lost.looked.found.email} is invited. If no mail arrives there, choose
        “Send again” in the list of invitations.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={inviting}
      onSubmit={whenValid(form, ({ email, ...standing }) =>
        inviting.send({ input: { organizationId, email: email.trim(), ...standingOf(standing) } }),
      )}
      failure="Nobody was invited."
      loss={{
        what: 'The invitation may have been sent.',
        where: 'the list of invitations',
        absent: 'So far the list has no new invitation of this address.',
      }}
      label="Invite"
      doing="Sending the invitation."
      onCancel={onCancel}
    >
      <TextInput
        label="E-mail address"
        description="The invitation is only for this address."
        type="email"
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('email')}
      />
      <RoleFields form={form} agents={people.agents} />
    </SubmitForm>
  )
}
