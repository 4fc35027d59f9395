/** Takes an e-mail address and a password, and signs in with them. */
import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import type { CombinedError } from 'urql'
import { signInClient } from '../shared/client'
import { inSeconds } from '../shared/errors'
import { graphql } from '../shared/graphql'
import { Trouble } from '../shared/Trouble'
import { ForgottenPassword } from './ForgottenPassword'

const SignIn = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      __typename
      ... on Viewer { user { id } passwordChangeRequired }
      ... on SignInRefused { message retryAfterSeconds }
    }
  }
`)

export interface SignedInAs {
  userId: string
  passwordChangeRequired: boolean
}

interface Props {
  /** Fixed when somebody signs in again. */
  email?: string
  supportEmail: string | null
  onSignedIn: (as: SignedInAs) => void
}

export function SignInForm({ email, supportEmail, onSignedIn }: Props) {
  const [busy, setBusy] = useState(false)
  const [refused, setRefused] = useState<string>()
  const [error, setError] = useState<CombinedError>()
  const form = useForm({
    initialValues: { email: email ?? '', password: '' },
    validate: {
      email: (value) => (value.trim() ? null : 'Enter your e-mail address.'),
      password: (value) => (value ? null : 'Enter your password.'),
    },
  })

  async function signIn(values: typeof form.values) {
    setBusy(true)
    setRefused(undefined)
    setError(undefined)
    const result = await signInClient
      .mutation(SignIn, { input: { email: values.email.trim(), password: values.password } })
      .toPromise()
    setBusy(false)
    const answer = result.data?.signIn
    if (answer?.__typename === 'Viewer') {
      onSignedIn({ userId: answer.user.id, passwordChangeRequired: answer.passwordChangeRequired })
    } else if (answer) {
      const wait =
        answer.retryAfterSeconds === null ? '' : ` Try again ${inSeconds(answer.retryAfterSeconds)}.`
      setRefused(answer.message + wait)
    } else {
      setError(result.error)
    }
  }

  return (
    <form onSubmit={form.onSubmit(signIn)} noValidate>
      <Stack>
        <TextInput
          label="Email"
          type="email"
          autoComplete="username"
          readOnly={email !== undefined}
          data-autofocus={email === undefined || undefined}
          autoFocus={email === undefined}
          {...form.getInputProps('email')}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          data-autofocus={email !== undefined || undefined}
          visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the password', tabIndex: 0 }}
          {...form.getInputProps('password')}
        />
        {refused && (
          <Alert color="red" role="alert">
            {refused}
          </Alert>
        )}
        {error && <Trouble error={error} what="You could not be signed in." />}
        <Button type="submit" loading={busy} fullWidth>
          Sign in
        </Button>
        <ForgottenPassword supportEmail={supportEmail} />
      </Stack>
    </form>
  )
}
