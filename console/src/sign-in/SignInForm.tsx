/** Takes an e-mail address and a password, and signs in with them. */
import { Button, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Provider, useMutation } from 'urql'
import { signInClient } from '../shared/client'
import { inSeconds } from '../shared/errors'
import { graphql } from '../shared/graphql'
import { whenValid } from '../shared/invalid-input'
import { Refused } from '../shared/SubmitForm'
import { Trouble } from '../shared/Trouble'
import { ForgottenPassword } from './ForgottenPassword'
import { OldPasswordInput } from './Passwords'

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

export function SignInForm(props: Props) {
  return (
    <Provider value={signInClient}>
      <Form {...props} />
    </Provider>
  )
}

function Form({ email, supportEmail, onSignedIn }: Props) {
  const [{ fetching, data, error }, execute] = useMutation(SignIn)
  const form = useForm({
    initialValues: { email: email ?? '', password: '' },
    validate: {
      email: (value) => (value.trim() ? null : 'Enter your e-mail address.'),
      password: (value) => (value ? null : 'Enter your password.'),
    },
  })

  async function signIn({ email, password }: typeof form.values) {
    const result = await execute({ input: { email: email.trim(), password } })
    const answer = result.data?.signIn
    if (answer?.__typename === 'Viewer') {
      onSignedIn({ userId: answer.user.id, passwordChangeRequired: answer.passwordChangeRequired })
    }
  }

  return (
    <Stack>
      <form onSubmit={whenValid(form, signIn)} noValidate>
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
          <OldPasswordInput
            label="Password"
            data-autofocus={email !== undefined || undefined}
            {...form.getInputProps('password')}
          />
          {data?.signIn?.__typename === 'SignInRefused' && <Refused>{sentenceOf(data.signIn)}</Refused>}
          {error && <Trouble error={error} what="You could not be signed in." />}
          <Button type="submit" loading={fetching} fullWidth>
            Sign in
          </Button>
        </Stack>
      </form>
      <ForgottenPassword email={form.values.email} supportEmail={supportEmail} />
    </Stack>
  )
}

/** Why the server did not sign the person in. */
export function sentenceOf({
  message,
  retryAfterSeconds,
}: {
  message: string
  retryAfterSeconds: number | null
}): string {
  return retryAfterSeconds === null ? message : `${message} Try again ${inSeconds(retryAfterSeconds)}.`
}
