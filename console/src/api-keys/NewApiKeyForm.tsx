/** Asks for a new key's name and scope, offering only what this person may create. */
import { Alert, Radio, Select, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Admins } from '../shared/Admins'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { useSubmit } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { Asked } from './Asked'
import { useLooks } from './after-loss'
import { KeysWithoutSecret } from './KeysWithoutSecret'
import { LeastUsedKeys } from './LeastUsedKeys'
import {
  type ApiKey,
  aboutKeys,
  CreateApiKey,
  isLiving,
  type KeyRequest,
  type KeysOfOrganization,
} from './operations'

export interface LimitReached {
  message: string
  candidates: ApiKey[]
}

interface Props {
  request?: KeyRequest
  /** Looks, before the key is created, whether it should be: returns the sentence that says why not, else null. */
  check?: () => Promise<string | null>
  keys: readonly ApiKey[]
  agents: KeysOfOrganization['agents']
  limitReached: LimitReached | undefined
  /** The name of the key that was just deleted to make room. */
  freed: string | undefined
  onLimitReached: (refusal: LimitReached) => void
  onDelete: (key: ApiKey) => void
  onIssued: (issued: { name: string; secret: string }) => void
  onCancel: () => void
}

export function NewApiKeyForm({
  request,
  check,
  keys,
  agents,
  limitReached,
  freed,
  onLimitReached,
  onDelete,
  onIssued,
  onCancel,
}: Props) {
  const organization = useOrganization()
  const looks = useLooks()
  const livingAgents = agents.filter(isLiving)
  const agentScopeOnly = organization.viewerRole === 'AGENT_ADMIN'
  const form = useForm({
    initialValues: {
      name: request?.name ?? '',
      scope: agentScopeOnly || request?.agent ? 'AGENT' : '',
      agentId: request?.agent?.id ?? (livingAgents.length === 1 ? (livingAgents[0]?.id ?? null) : null),
    },
    validate: {
      name: (value) => nameProblem(value, 'Enter a name that says which program uses the key.'),
      scope: (value) => (value ? null : 'Choose a scope.'),
      agentId: (value, { scope }) =>
        scope !== 'AGENT' || livingAgents.some((each) => each.id === value) ? null : 'Choose the agent.',
    },
  })

  const creation = useSubmit({
    mutation: CreateApiKey,
    about: aboutKeys,
    answerIn: (data) => data.createApiKey,
    check,
    before: () => new Set(keys.map((each) => each.id)),
    look: ({ input }, before: ReadonlySet<string>) => looks.created(input, before),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      if (answer.__typename === 'KeyLimitReached') onLimitReached(answer)
      else if (answer.__typename === 'ApiKeyIssued')
        onIssued({ name: answer.apiKey.name, secret: answer.secret })
    },
  })

  function create({ name, scope, agentId }: typeof form.values) {
    const chosen =
      scope === 'AGENT'
        ? { scope: 'AGENT' as const, agentId }
        : { scope: 'ORGANIZATION' as const, agentId: null }
    creation.send({ input: { organizationId: organization.id, name, ...chosen } })
  }

  const { lost } = creation
  if (lost?.looked && 'found' in lost.looked && lost.error) {
    return <KeysWithoutSecret keys={lost.looked.found} request={request} onClose={onCancel} />
  }
  return (
    <SubmitForm
      submission={creation}
      onSubmit={whenValid(form, create)}
      failure="The key was not created."
      loss={{
        what: 'The key may have been created.',
        where: 'the list of keys',
        absent:
          'The list of keys has no new key of yours with this name and scope so far. It may still appear: “Try again” checks the list first, and creates the key only if it is not there.',
        found: () => (
          <Text size="sm">
            The list of keys has the key now. Its secret comes with the answer, which may still arrive. Keep
            waiting, or close this dialog and rotate the key later.
          </Text>
        ),
      }}
      label="Create"
      doing="Creating the key. Its secret is shown here, and only once."
      onCancel={onCancel}
    >
      {limitReached && !lost && (
        <Alert color="yellow" role="alert" title="Every slot is taken">
          <Stack gap="sm">
            <Text size="sm">{limitReached.message}</Text>
            <LeastUsedKeys keys={limitReached.candidates} onDelete={onDelete} />
          </Stack>
        </Alert>
      )}
      {request && <Asked request={request} />}
      {freed !== undefined && (
        <Text size="sm" role="status">
          “{freed}” was deleted, so a slot is free. Select Create.
        </Text>
      )}
      <TextInput
        label="Name"
        description="The program that uses the key, such as: billing, nightly export"
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('name')}
      />
      <Radio.Group label="Scope" description="You can’t change it later." {...form.getInputProps('scope')}>
        <Stack gap="xs" my={6}>
          {!agentScopeOnly && (
            <Radio
              value="ORGANIZATION"
              label="Organization"
              description="Works for every agent, including agents that are added later."
            />
          )}
          <Radio
            value="AGENT"
            label="One agent"
            description="Works for this agent only. If its secret leaks, less is exposed."
          />
        </Stack>
      </Radio.Group>
      {agentScopeOnly && (
        <Text size="sm" c="dimmed" component="div">
          Keys for the whole organization are created by organization admins. As an agent admin, you create
          keys for the agents that you administer. If you need another key, ask:
          <Admins />
        </Text>
      )}
      {form.values.scope === 'AGENT' && (
        <Select
          label="Agent"
          placeholder="Choose or search"
          data={livingAgents.map(({ id, name }) => ({ value: id, label: name }))}
          searchable
          limit={100}
          nothingFoundMessage={
            livingAgents.length === 0
              ? 'There is no agent that you can create a key for.'
              : 'No agents match.'
          }
          {...form.getInputProps('agentId')}
        />
      )}
    </SubmitForm>
  )
}
