/** Asks for the current password, and for the new one twice. */
import { PasswordInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useEffect } from 'react'
import { graphql } from '../shared/graphql'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { SubmitForm } from '../shared/SubmitForm'
import { type Looked, useSubmit } from '../shared/use-submit'

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
  /** Looks whether the password was changed although the answer was lost, where that can be seen. */
  wasChanged?: () => Promise<Looked<true>>
}

const leastLength = 12

export function ChangePasswordForm({ email, currentLabel, onChanged, onCancel, wasChanged }: Props) {
  const form = useForm({
    initialValues: { currentPassword: '', newPassword: '', again: '' },
    validate: {
      currentPassword: (value) => (value ? null : 'Enter this password.'),
      newPassword: (value) => (value.length >= leastLength ? null : `At least ${leastLength} characters.`),
      again: (value, values) => (value === values.newPassword ? null : 'The two passwords are different.'),
    },
  })
  const change = useSubmit({
    mutation: ChangePassword,
    answerIn: (data) => data.changePassword,
    look: wasChanged,
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      onChanged()
    },
  })
  const { lost } = change
  const isKnown = lost?.looked !== undefined && 'found' in lost.looked
  useEffect(() => {
    if (isKnown) onChanged()
  }, [isKnown, onChanged])

  const toggle = { 'aria-label': 'Show or hide the password', tabIndex: 0 }
  return (
    <SubmitForm
      submission={change}
      onSubmit={whenValid(form, ({ currentPassword, newPassword }) =>
        change.send({ input: { currentPassword, newPassword } }),
      )}
      failure="The password was not changed."
      loss={{
        what: 'Your password may have been changed.',
        absent: wasChanged
          ? 'So far your password has not been changed.'
          : 'If you try again and the current password is refused, your password was already changed: use the new one from now on.',
      }}
      label="Change password"
      doing="Changing your password."
      onCancel={onCancel}
    >
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
    </SubmitForm>
  )
}
