/** Asks for a new key's name and scope, offering only what this person may create. */
import { Alert, Button, Group, Radio, Select, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { type CombinedError, useClient } from 'urql'
import { Trouble } from '../app/Trouble'
import { useOrganization } from '../app/viewer'
import { Admins } from './Admins'
import { LeastUsedKeys } from './LeastUsedKeys'
import { type ApiKey, CreateApiKey, type KeysOfOrganization } from './operations'

export interface LimitReached {
  message: string
  candidates: ApiKey[]
}

interface Props {
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
  agents,
  limitReached,
  freed,
  onLimitReached,
  onDelete,
  onIssued,
  onCancel,
}: Props) {
  const client = useClient()
  const organization = useOrganization()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  const livingAgents = agents.filter((each) => each.deletedAt === null)
  const agentScopeOnly = organization.viewerRole === 'AGENT_ADMIN'
  const form = useForm({
    initialValues: {
      name: '',
      scope: agentScopeOnly ? 'AGENT' : '',
      agentId: livingAgents.length === 1 ? (livingAgents[0]?.id ?? null) : null,
    },
    validate: {
      name: (value) => (value.trim() ? null : 'Enter a name that says who calls with it.'),
      scope: (value) => (value ? null : 'Choose a scope.'),
      agentId: (value, { scope }) => (scope !== 'AGENT' || value ? null : 'Choose the agent.'),
    },
  })

  async function create({ name, scope, agentId }: typeof form.values) {
    setBusy(true)
    setError(undefined)
    const input = {
      organizationId: organization.id,
      name,
      scope: scope === 'AGENT' ? ('AGENT' as const) : ('ORGANIZATION' as const),
      agentId: scope === 'AGENT' ? agentId : null,
    }
    const result = await client.mutation(CreateApiKey, { input }).toPromise()
    setBusy(false)
    const answer = result.data?.createApiKey
    if (answer?.__typename === 'ApiKeyIssued') onIssued({ name: answer.apiKey.name, secret: answer.secret })
    else if (answer?.__typename === 'KeyLimitReached') onLimitReached(answer)
    else if (answer) form.setFieldError(answer.field === 'agentId' ? 'agentId' : 'name', answer.message)
    else setError(result.error)
  }

  return (
    <form onSubmit={form.onSubmit(create)} noValidate>
      <Stack>
        {limitReached && (
          <Alert color="yellow" role="alert" title="Every slot is taken">
            <Stack gap="sm">
              <Text size="sm">{limitReached.message}</Text>
              <LeastUsedKeys keys={limitReached.candidates} onDelete={onDelete} />
            </Stack>
          </Alert>
        )}
        {freed !== undefined && (
          <Text size="sm" role="status">
            “{freed}” was deleted: a slot is free. Select Create.
          </Text>
        )}
        <TextInput
          label="Name"
          description="Who calls with it, such as: billing, nightly export"
          maxLength={64}
          autoComplete="off"
          data-autofocus
          {...form.getInputProps('name')}
        />
        <Radio.Group
          label="Scope"
          description="It can’t be changed afterwards."
          {...form.getInputProps('scope')}
        >
          <Stack gap="xs" my={6}>
            {!agentScopeOnly && (
              <Radio
                value="ORGANIZATION"
                label="Organization"
                description="Good for every agent, those added later too."
              />
            )}
            <Radio value="AGENT" label="One agent" description="If its secret leaks, less is open." />
          </Stack>
        </Radio.Group>
        {agentScopeOnly && (
          <Text size="sm" c="dimmed" component="div">
            Keys for the whole organization are created by organization admins; your role, agent admin,
            creates keys for the agents that you administer. For one of the others, ask:
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
              livingAgents.length === 0 ? 'There is no agent that you may use.' : 'No such agent.'
            }
            {...form.getInputProps('agentId')}
          />
        )}
        {error && <Trouble error={error} what="The key was not created, as far as is known." />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
