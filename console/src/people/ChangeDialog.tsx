/** Changes a person's role and agents. */
import { Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { aRole, useOrganization, useSignedIn } from '../shared/viewer'
import { aboutPeople, ChangeMember, type Member, type People } from './operations'
import { RoleFields, type Standing, showInvalidStanding, standingOf, standingRules } from './RoleFields'
import { useLookAtPeople } from './use-people'

interface Props {
  member: Member
  people: People
  onClose: () => void
}

export function ChangeDialog({ member, people, onClose }: Props) {
  return (
    <Dialog title={`Role of ${member.user.name}`} onClose={onClose} focusAfter={[menuId(member.user.id)]}>
      <ChangeForm
        member={member}
        people={people}
        onChanged={(changed) => {
          toast(`${changed.user.name} is now ${aRole(changed.role)}.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}

interface FormProps {
  member: Member
  people: People
  onChanged: (changed: Member) => void
  onCancel: () => void
}

export function ChangeForm({ member, people, onChanged, onCancel }: FormProps) {
  const { id: organizationId } = useOrganization()
  const { viewer } = useSignedIn()
  const look = useLookAtPeople()
  const form = useForm<Standing>({
    initialValues: { role: member.role, agentIds: member.agents.map(({ id }) => id) },
    validate: standingRules,
  })
  const changing = useSubmit({
    mutation: ChangeMember,
    about: aboutPeople,
    answerIn: (data) => data.changeMember,
    look: ({ input }) =>
      look((now) =>
        now.members.find(
          (each) => each.user.id === input.userId && hasStanding(each, input.role, input.agentIds ?? []),
        ),
      ),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalidStanding(form, answer)
      if (answer.__typename === 'LastOrganizationAdmin')
        return showInvalid(form, { ...answer, field: 'role' })
      if (answer.__typename === 'MemberNotFound') return answer.message
      onChanged(answer)
    },
  })

  const { lost } = changing
  if (lost?.looked && 'found' in lost.looked) {
    return <FoundDone onClose={onCancel}>The answer did not arrive, but the change was saved.</FoundDone>
  }
  return (
    <SubmitForm
      submission={changing}
      onSubmit={whenValid(form, (standing) =>
        changing.send({ input: { organizationId, userId: member.user.id, ...standingOf(standing) } }),
      )}
      failure="The role was not changed."
      loss={{
        what: 'The role may have been changed.',
        where: 'the list of people',
        absent: `So far ${member.user.name} has the role as before.`,
      }}
      label="Save"
      doing="Saving the role."
      onCancel={onCancel}
    >
      <Text size="sm" c="dimmed">
        {viewer.user.id === member.user.id
          ? 'This is you: with another role than organization admin, you can’t change it back yourself.'
          : 'It takes effect at once. API keys that this person created stay as they are.'}
      </Text>
      <RoleFields form={form} agents={people.agents} />
    </SubmitForm>
  )
}

function hasStanding(member: Member, role: Member['role'], agentIds: readonly string[]): boolean {
  const held = member.agents.map(({ id }) => id)
  return member.role === role && held.length === agentIds.length && held.every((id) => agentIds.includes(id))
}
