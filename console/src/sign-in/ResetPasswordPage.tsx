/** What the link for a forgotten password leads to: a form for a new one. Only submitting it uses the link up. */
import { Anchor, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Provider } from 'urql'
import { signInClient } from '../shared/client'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { SubmitForm } from '../shared/SubmitForm'
import { leaveFor } from '../shared/session'
import { useSubmit } from '../shared/use-submit'
import { useLinkToken } from './link-token'
import { OutsidePage } from './OutsidePage'
import { ResetPassword } from './operations'
import { NewPasswordInput, passwordProblem } from './Passwords'

export function ResetPasswordPage() {
  const token = useLinkToken()
  return (
    <Provider value={signInClient}>
      <OutsidePage
        title="Choose a new password"
        below={
          <Text size="sm" c="dimmed" ta="center">
            Did the link stop working? Ask for another one <Anchor href="/sign-in">where you sign in</Anchor>.
          </Text>
        }
      >
        {token === '' ? (
          <Text size="sm">
            To choose a password, open the link in your mail again. This page’s address no longer contains it.
          </Text>
        ) : (
          <ResetPasswordForm key={token} token={token} onReset={() => leaveFor('/')} />
        )}
      </OutsidePage>
    </Provider>
  )
}

export function ResetPasswordForm({ token, onReset }: { token: string; onReset: () => void }) {
  const form = useForm({ initialValues: { newPassword: '' }, validate: { newPassword: passwordProblem } })
  const resetting = useSubmit({
    mutation: ResetPassword,
    answerIn: (data) => data.resetPassword,
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      if (answer.__typename === 'LinkNotValid') return answer.message
      onReset()
    },
  })
  return (
    <SubmitForm
      submission={resetting}
      onSubmit={whenValid(form, ({ newPassword }) => resetting.send({ input: { token, newPassword } }))}
      failure="The password was not changed."
      loss={{
        what: 'Your password may have been changed.',
        absent:
          'If you try again and the link no longer works, your password was changed: sign in with the new one.',
      }}
      label="Save and sign in"
      doing="Saving the password."
    >
      <Text size="sm">After that, you are signed in here, and signed out everywhere else.</Text>
      <NewPasswordInput label="New password" autoFocus {...form.getInputProps('newPassword')} />
    </SubmitForm>
  )
}
