/** Deletes an agent, after naming the keys and the traffic that go along. */
import { Alert, Code, List, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useQuery } from 'urql'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { whenValid } from '../shared/invalid-input'
import { isSameName } from '../shared/names'
import { RelativeTime } from '../shared/RelativeTime'
import { SubmitForm } from '../shared/SubmitForm'
import { Trouble } from '../shared/Trouble'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { calls, keys } from './counts'
import { type Agent, aboutAgents, DeleteAgent, KeysOfAgentQuery } from './operations'
import { useLookAtAgents } from './use-agents'

interface Props {
  agent: Agent
  onClose: () => void
}

export function DeleteAgentDialog({ agent, onClose }: Props) {
  return (
    <Dialog
      title={`Delete the agent “${agent.name}”?`}
      onClose={onClose}
      focusAfter={[menuId(agent.id), 'new-agent']}
    >
      <DeleteAgentForm
        agent={agent}
        onDeleted={(deletedKeys) => {
          const along = deletedKeys > 0 ? `, with ${keys(deletedKeys)}` : ''
          toast(`The agent “${agent.name}” was deleted${along}.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}

interface FormProps {
  agent: Agent
  onDeleted: (deletedKeys: number) => void
  onCancel: () => void
}

export function DeleteAgentForm({ agent, onDeleted, onCancel }: FormProps) {
  const look = useLookAtAgents()
  const hasKeys = agent.livingKeys > 0
  const form = useForm({
    initialValues: { name: '' },
    validate: {
      name: (value) => (!hasKeys || isSameName(value, agent.name) ? null : 'That is not the agent’s name.'),
    },
  })
  const deletion = useSubmit({
    mutation: DeleteAgent,
    about: aboutAgents,
    answerIn: (data) => data.deleteAgent,
    look: ({ input }) => look((now) => (now.some((each) => each.id === input.id) ? undefined : true)),
    onAnswer: (answer) => {
      if (answer.__typename === 'AgentNotFound') return answer.message
      onDeleted(answer.deletedKeys.length)
    },
  })
  const { lost } = deletion
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but the agent “{agent.name}” is deleted.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={deletion}
      onSubmit={whenValid(form, () => deletion.send({ input: { id: agent.id } }))}
      failure="The agent was not deleted."
      loss={{
        what: 'The agent may have been deleted.',
        where: 'the list of agents',
        absent: 'So far the agent is still there, and its keys work.',
      }}
      label="Delete"
      color="red.9"
      doing="Deleting the agent. This can no longer be stopped."
      onCancel={onCancel}
      focusCancel={!hasKeys}
    >
      {hasKeys ? (
        <GoesAlong agent={agent} />
      ) : (
        <Text size="sm">No key is limited to this agent. {traffic(agent)}</Text>
      )}
      <Text size="sm">
        This can’t be undone. Keys of the whole organization keep working for other agents.
      </Text>
      {hasKeys && (
        <TextInput
          label={`Type “${agent.name}” to delete it`}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          {...form.getInputProps('name')}
        />
      )}
    </SubmitForm>
  )
}

const namedAtMost = 10

function GoesAlong({ agent }: { agent: Agent }) {
  const { id: organizationId } = useOrganization()
  const [{ data, error, fetching }, refetch] = useQuery({
    query: KeysOfAgentQuery,
    variables: { organizationId, agentId: agent.id },
    requestPolicy: 'network-only',
  })
  const named = data?.organization?.apiKeys
  const more = (named?.length ?? 0) - namedAtMost
  return (
    <Alert color="red" variant="light">
      <Stack gap="xs">
        <Text size="sm">
          <b>
            {agent.livingKeys === 1 ? '1 key is deleted' : `${keys(agent.livingKeys)} are deleted`} with it
          </b>
          , and stop working at once. {traffic(agent)}
        </Text>
        {named ? (
          <List size="sm" spacing={4}>
            {named.slice(0, namedAtMost).map((each) => (
              <List.Item key={each.id} style={{ overflowWrap: 'anywhere' }}>
                {each.name} <Code>{each.hint}</Code>,{' '}
                {each.lastUsedAt ? (
                  <>
                    last used <RelativeTime at={each.lastUsedAt} />
                  </>
                ) : (
                  'never used'
                )}
              </List.Item>
            ))}
            {more > 0 && <List.Item>and {more} more</List.Item>}
          </List>
        ) : error && !fetching ? (
          <Trouble
            error={error}
            what="The agent’s keys could not be read."
            onRetry={() => refetch({ requestPolicy: 'network-only' })}
          />
        ) : (
          <Skeleton h={40} aria-label="Loading" />
        )}
      </Stack>
    </Alert>
  )
}

function traffic({ callsLastDay }: Agent): string {
  return callsLastDay === 0
    ? 'The agent was not called in the last 24 hours.'
    : `The agent got ${calls(callsLastDay)} in the last 24 hours.`
}
