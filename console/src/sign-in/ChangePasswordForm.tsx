/** Asks for the current password, and for the new one twice. */
import { useForm } from '@mantine/form'
import { useEffect } from 'react'
import { graphql } from '../shared/graphql'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { SubmitForm } from '../shared/SubmitForm'
import { type Looked, useSubmit } from '../shared/use-submit'
import { NewPasswordInput, OldPasswordInput, passwordProblem, UsernameOf } from './Passwords'

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

export function ChangePasswordForm({ email, currentLabel, onChanged, onCancel, wasChanged }: Props) {
  const form = useForm({
    initialValues: { currentPassword: '', newPassword: '', again: '' },
    validate: {
      currentPassword: (value) => (value ? null : 'Enter this password.'),
      newPassword: passwordProblem,
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
      <UsernameOf email={email} />
      <OldPasswordInput label={currentLabel} data-autofocus {...form.getInputProps('currentPassword')} />
      <NewPasswordInput label="New password" {...form.getInputProps('newPassword')} />
      <NewPasswordInput label="New password again" description={undefined} {...form.getInputProps('again')} />
    </SubmitForm>
  )
}
