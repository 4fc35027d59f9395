/** Takes the password that was and the one that shall be, twice. */
import { Button, Group, PasswordInput, Stack } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import type { CombinedError } from 'urql'
import { useClient } from 'urql'
import { graphql } from '../app/graphql'
import { Trouble } from '../app/Trouble'

const ChangePassword = graphql(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
      __typename
      ... on Viewer { user { id } }
      ... on InvalidInput { field message }
    }
  }
`)

interface Props {
  email: string
  /** *One-time password* at the first sign-in. */
  currentLabel: string
  onChanged: () => void
  onCancel?: () => void
}

const leastLength = 12

export function ChangePasswordForm({ email, currentLabel, onChanged, onCancel }: Props) {
  const client = useClient()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  const form = useForm({
    initialValues: { currentPassword: '', newPassword: '', again: '' },
    validate: {
      currentPassword: (value) => (value ? null : 'Enter it.'),
      newPassword: (value) => (value.length >= leastLength ? null : `At least ${leastLength} characters.`),
      again: (value, values) => (value === values.newPassword ? null : 'The two are not the same.'),
    },
  })

  async function change({ currentPassword, newPassword }: typeof form.values) {
    setBusy(true)
    setError(undefined)
    const result = await client
      .mutation(ChangePassword, { input: { currentPassword, newPassword } })
      .toPromise()
    setBusy(false)
    const answer = result.data?.changePassword
    if (answer?.__typename === 'Viewer') onChanged()
    else if (answer) {
      form.setFieldError(
        answer.field === 'currentPassword' ? 'currentPassword' : 'newPassword',
        answer.message,
      )
    } else setError(result.error)
  }

  const toggle = { 'aria-label': 'Show or hide the password', tabIndex: 0 }
  return (
    <form onSubmit={form.onSubmit(change)} noValidate>
      <Stack>
        {/* Tells password managers whose password this is. */}
        <input type="email" autoComplete="username" value={email} readOnly hidden />
        <PasswordInput
          label={currentLabel}
          autoComplete="current-password"
          data-autofocus
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('currentPassword')}
        />
        <PasswordInput
          label="New password"
          description={`At least ${leastLength} characters.`}
          autoComplete="new-password"
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('newPassword')}
        />
        <PasswordInput
          label="New password again"
          autoComplete="new-password"
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps('again')}
        />
        {error && <Trouble error={error} what="The password was not changed." />}
        <Group justify="flex-end">
          {onCancel && (
            <Button variant="default" onClick={onCancel}>
              Cancel
            </Button>
          )}
          <Button type="submit" loading={busy}>
            Change password
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
