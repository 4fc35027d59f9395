/** Renames an agent. */
import { Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { isSameName, nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { type Agent, aboutAgents, RenameAgent } from './operations'
import { useLookAtAgents } from './use-agents'

interface Props {
  agent: Agent
  onClose: () => void
}

export function RenameAgentDialog({ agent, onClose }: Props) {
  return (
    <Dialog title="Rename the agent" onClose={onClose} focusAfter={[menuId(agent.id)]}>
      <RenameAgentForm
        agent={agent}
        onRenamed={(name) => {
          toast(`The agent is called “${name}” now.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}

interface FormProps {
  agent: Agent
  onRenamed: (name: string) => void
  onCancel: () => void
}

export function RenameAgentForm({ agent, onRenamed, onCancel }: FormProps) {
  const look = useLookAtAgents()
  const form = useForm({
    initialValues: { name: agent.name },
    validate: { name: (value) => nameProblem(value, 'Enter the agent’s name.') },
  })
  const renaming = useSubmit({
    mutation: RenameAgent,
    about: aboutAgents,
    answerIn: (data) => data.renameAgent,
    look: ({ input }) =>
      look((now) => now.find((each) => each.id === input.id && isSameName(each.name, input.name))),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      if (answer.__typename === 'AgentNotFound') return answer.message
      onRenamed(answer.name)
    },
  })
  const { lost } = renaming
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but the agent is called “{lost.looked.found.name}” now.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={renaming}
      onSubmit={whenValid(form, ({ name }) => renaming.send({ input: { id: agent.id, name } }))}
      failure="The name was not saved."
      loss={{
        what: 'The name may have been saved.',
        where: 'the list of agents',
        absent: `So far the list of agents shows the old name, “${agent.name}”.`,
      }}
      label="Save"
      doing="Saving the name."
      onCancel={onCancel}
    >
      <TextInput label="Name" autoComplete="off" data-autofocus {...form.getInputProps('name')} />
      <Text size="sm" c="dimmed">
        Keys and programs are not affected: they know the agent by its id, which stays the same.
      </Text>
    </SubmitForm>
  )
}
