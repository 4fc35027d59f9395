/** Creates an agent. */
import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Dialog } from '../shared/Dialog'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { isSameName, nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { type Agent, aboutAgents, CreateAgent } from './operations'
import { useLookAtAgents } from './use-agents'

interface Props {
  agents: readonly Agent[]
  onClose: () => void
}

export function NewAgentDialog({ agents, onClose }: Props) {
  return (
    <Dialog title="New agent" onClose={onClose} focusAfter={['new-agent']}>
      <NewAgentForm
        agents={agents}
        onCreated={(name) => {
          toast(`The agent “${name}” was created.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}

interface FormProps {
  agents: readonly Agent[]
  onCreated: (name: string) => void
  onCancel: () => void
}

export function NewAgentForm({ agents, onCreated, onCancel }: FormProps) {
  const { id: organizationId } = useOrganization()
  const look = useLookAtAgents()
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (value) => nameProblem(value, 'Enter the agent’s name.') },
  })
  const creation = useSubmit({
    mutation: CreateAgent,
    about: aboutAgents,
    answerIn: (data) => data.createAgent,
    before: () => new Set(agents.map(({ id }) => id)),
    look: ({ input }, before: ReadonlySet<string>) =>
      look((now) => now.find((each) => !before.has(each.id) && isSameName(each.name, input.name))),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      onCreated(answer.name)
    },
  })
  const { lost } = creation
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but the agent “{lost.looked.found.name}” was created.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={creation}
      onSubmit={whenValid(form, ({ name }) => creation.send({ input: { organizationId, name } }))}
      failure="The agent was not created."
      loss={{
        what: 'The agent may have been created.',
        where: 'the list of agents',
        absent: 'So far the list has no new agent of this name.',
      }}
      label="Create"
      doing="Creating the agent."
      onCancel={onCancel}
    >
      <TextInput
        label="Name"
        description="What people call the program that keys give access to. No other agent can have the same name."
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('name')}
      />
    </SubmitForm>
  )
}
