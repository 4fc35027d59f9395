/** Creates a service token: a form, then the token, which is shown once. */
import { Alert, Button, Code, Group, NumberInput, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useState } from 'react'
import {
  RoleFields,
  type Standing,
  showInvalidStanding,
  standingOf,
  standingRules,
} from '../people/RoleFields'
import { Dialog } from '../shared/Dialog'
import { whenValid } from '../shared/invalid-input'
import { isSameName, nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { useSubmit } from '../shared/use-submit'
import { type Role, useOrganization } from '../shared/viewer'
import { useTokenDialogs } from './dialogs'
import { aboutTokens, CreateServiceToken, type ServiceToken, type Tokens } from './operations'
import { TokenPanel } from './TokenPanel'
import { useLookAtTokens } from './use-tokens'

interface Props {
  tokens: Tokens
  onClose: () => void
}

export function NewTokenDialog({ tokens, onClose }: Props) {
  const [issued, setIssued] = useState<{ name: string; secret: string }>()
  return (
    <Dialog
      title={issued ? `“${issued.name}” was created` : 'New token'}
      onClose={onClose}
      focusAfter={['new-token']}
    >
      {issued ? (
        <TokenPanel secret={issued.secret} onDone={onClose} />
      ) : (
        <NewTokenForm tokens={tokens} onIssued={setIssued} onCancel={onClose} />
      )}
    </Dialog>
  )
}

const daysAtMost = 366

const roles: readonly Role[] = ['AGENT_ADMIN', 'ORGANIZATION_ADMIN']

const descriptions: Partial<Record<Role, string>> = {
  ORGANIZATION_ADMIN: 'The program manages all API keys of the organization.',
  AGENT_ADMIN: 'The program manages API keys of the agents that you choose.',
}

interface FormProps {
  tokens: Tokens
  onIssued: (issued: { name: string; secret: string }) => void
  onCancel: () => void
}

export function NewTokenForm({ tokens, onIssued, onCancel }: FormProps) {
  const { id: organizationId } = useOrganization()
  const look = useLookAtTokens()
  const form = useForm<Standing & { name: string; expiresInDays: number | string }>({
    initialValues: { name: '', role: '', agentIds: [], expiresInDays: 90 },
    validate: {
      name: (value) => nameProblem(value, 'Enter a name that says which program uses the token.'),
      ...standingRules,
      expiresInDays: (value) =>
        typeof value === 'number' && value >= 1 && value <= daysAtMost
          ? null
          : `Enter a number of 1 to ${daysAtMost} days.`,
    },
  })
  const creation = useSubmit({
    mutation: CreateServiceToken,
    about: aboutTokens,
    answerIn: (data) => data.createServiceToken,
    before: () => new Set(tokens.serviceTokens.map(({ id }) => id)),
    look: ({ input }, before: ReadonlySet<string>) =>
      look((now) => now.find((each) => !before.has(each.id) && isSameName(each.name, input.name))),
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalidStanding(form, answer)
      onIssued({ name: answer.serviceToken.name, secret: answer.secret })
    },
  })
  const { lost } = creation
  if (lost?.looked && 'found' in lost.looked && lost.error) {
    return <WithoutSecret token={lost.looked.found} onClose={onCancel} />
  }
  return (
    <SubmitForm
      submission={creation}
      onSubmit={whenValid(form, ({ name, expiresInDays, ...standing }) =>
        creation.send({
          input: { organizationId, name, expiresInDays: Number(expiresInDays), ...standingOf(standing) },
        }),
      )}
      failure="The token was not created."
      loss={{
        what: 'The token may have been created.',
        where: 'the list of tokens',
        absent: 'So far the list has no new token of this name.',
        found: () => (
          <Text size="sm">
            The list of tokens has the token now. Its secret comes with the answer, which may still arrive.
            Keep waiting, or close this dialog, revoke the token, and create another one.
          </Text>
        ),
      }}
      label="Create"
      doing="Creating the token. It is shown here, and only once."
      onCancel={onCancel}
    >
      <TextInput
        label="Name"
        description="The program that uses the token, such as: deploy-bot"
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('name')}
      />
      <RoleFields form={form} agents={tokens.agents} roles={roles} descriptions={descriptions} />
      <NumberInput
        label="Expires in (days)"
        description={`1 to ${daysAtMost}. The program needs another token before that.`}
        min={1}
        max={daysAtMost}
        clampBehavior="none"
        allowDecimal={false}
        allowNegative={false}
        {...form.getInputProps('expiresInDays')}
      />
    </SubmitForm>
  )
}

/** The token was created, but its secret was lost with the answer. */
function WithoutSecret({ token, onClose }: { token: ServiceToken; onClose: () => void }) {
  const { open } = useTokenDialogs()
  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle />} role="alert" title="The answer did not arrive">
        <Text size="sm">
          The token “{token.name}” (<Code>{token.hint}</Code>) was created all the same. Its secret was lost
          with the answer, and nobody can show it again. Revoke it, and create another one.
        </Text>
      </Alert>
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
        <Button color="red.9" onClick={() => open('revoke-token', token.id)} autoFocus>
          Revoke
        </Button>
      </Group>
    </Stack>
  )
}
