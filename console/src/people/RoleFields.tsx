/** The choice of a role, and for an agent admin, of the agents. */
import { MultiSelect, Radio, Stack } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import { showInvalid } from '../shared/invalid-input'
import { type Role, roleDescriptions, roleTitle } from '../shared/viewer'

export interface Standing {
  role: Role | ''
  agentIds: string[]
}

const everyRole: readonly Role[] = ['MEMBER', 'AGENT_ADMIN', 'ORGANIZATION_ADMIN']

export const standingRules = {
  role: (value: Standing['role']) => (value ? null : 'Choose a role.'),
  agentIds: (value: readonly string[], { role }: Standing) =>
    role === 'AGENT_ADMIN' && value.length === 0 ? 'Choose at least one agent.' : null,
}

/** The input of the mutations: only agent admins have agents. */
export function standingOf({ role, agentIds }: Standing): { role: Role; agentIds: string[] } {
  if (!role) throw new Error('a form without a role is not valid')
  return { role, agentIds: role === 'AGENT_ADMIN' ? agentIds : [] }
}

/** Returns the sentence where the field that it names is not shown. */
export function showInvalidStanding<Values extends Standing>(
  form: UseFormReturnType<Values>,
  answer: { field: string; message: string },
): string | undefined {
  if (answer.field === 'agentIds' && form.values.role !== 'AGENT_ADMIN') return answer.message
  return showInvalid(form, answer)
}

interface Props<Values extends Standing> {
  form: UseFormReturnType<Values>
  agents: readonly { id: string; name: string }[]
  /** All of them where this is not said. */
  roles?: readonly Role[]
  /** What is said of a role instead of what it means for a person. */
  descriptions?: Partial<Record<Role, string>>
}

export function RoleFields<Values extends Standing>({
  form,
  agents,
  roles = everyRole,
  descriptions,
}: Props<Values>) {
  return (
    <>
      <Radio.Group label="Role" {...form.getInputProps('role')}>
        <Stack gap="xs" my={6}>
          {roles.map((role) => (
            <Radio
              key={role}
              value={role}
              label={roleTitle(role)}
              description={descriptions?.[role] ?? roleDescriptions[role]}
            />
          ))}
        </Stack>
      </Radio.Group>
      {form.values.role === 'AGENT_ADMIN' && (
        <MultiSelect
          label="Agents"
          placeholder={form.values.agentIds.length === 0 ? 'Choose or search' : undefined}
          data={agents.map(({ id, name }) => ({ value: id, label: name }))}
          searchable
          clearable
          hidePickedOptions
          limit={100}
          // It stays open for another choice, and below it would lie on the buttons of the dialog.
          comboboxProps={{ position: 'top' }}
          nothingFoundMessage={agents.length === 0 ? 'There are no agents yet.' : 'No agents match.'}
          clearButtonProps={{ 'aria-label': 'Clear the agents' }}
          {...form.getInputProps('agentIds')}
        />
      )}
    </>
  )
}
