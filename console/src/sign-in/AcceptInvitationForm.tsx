/** Accepts an invitation: with one click when signed in, with the account's password, or with a new account. */
import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useClient } from 'urql'
import { noAnswer } from '../shared/errors'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { type Looked, useSubmit } from '../shared/use-submit'
import { AcceptInvitation, type Invitation, JoinedQuery } from './operations'
import { NewPasswordInput, OldPasswordInput, passwordProblem, UsernameOf } from './Passwords'
import { sentenceOf } from './SignInForm'

export type Way = 'click' | 'password' | 'account'

interface Props {
  token: string
  invitation: Invitation
  way: Way
  onAccepted: () => void
}

export function AcceptInvitationForm({ token, invitation, way, onAccepted }: Props) {
  const client = useClient()
  const form = useForm({
    initialValues: { name: '', password: '' },
    validate: {
      name: (value) => (way === 'account' ? nameProblem(value, 'Enter your name.') : null),
      password: (value) =>
        way === 'account'
          ? passwordProblem(value)
          : way === 'password' && !value
            ? 'Enter your password.'
            : null,
    },
  })
  const accepting = useSubmit({
    mutation: AcceptInvitation,
    answerIn: (data) => data.acceptInvitation,
    look: async (): Promise<Looked<true>> => {
      const { data, error } = await client.query(JoinedQuery, {}).toPromise()
      if (!data) return { error: error ?? noAnswer() }
      const { viewer } = data
      const isIn = viewer?.organizations.some(({ id }) => id === invitation.organizationId)
      return isIn && viewer?.user.email === invitation.email ? { found: true } : { absent: true }
    },
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      if (answer.__typename === 'SignInRefused') return sentenceOf(answer)
      if (answer.__typename === 'LinkNotValid') return answer.message
      onAccepted()
    },
  })

  function accept({ name, password }: typeof form.values) {
    const credentials = { click: {}, password: { password }, account: { name, password } }
    accepting.send({ input: { token, ...credentials[way] } })
  }

  const { lost } = accepting
  if (lost?.looked && 'found' in lost.looked) {
    return <FoundDone onClose={onAccepted}>The answer did not arrive, but you have joined.</FoundDone>
  }
  return (
    <SubmitForm
      submission={accepting}
      onSubmit={whenValid(form, accept)}
      failure="You have not joined."
      loss={{
        what: 'You may have joined.',
        where: 'your organizations',
        absent: 'So far you have not joined, or your browser has not been signed in. You can try again.',
      }}
      label="Accept and join"
      doing="Joining the organization."
    >
      {way !== 'click' && <UsernameOf email={invitation.email} />}
      {way === 'account' && (
        <TextInput
          label="Your name"
          description="The people of the organization see it."
          autoComplete="name"
          autoFocus
          {...form.getInputProps('name')}
        />
      )}
      {way === 'account' && (
        <NewPasswordInput label="Choose a password" {...form.getInputProps('password')} />
      )}
      {way === 'password' && (
        <OldPasswordInput
          label="Password"
          description="There is an account with this address already. Enter its password."
          autoFocus
          {...form.getInputProps('password')}
        />
      )}
    </SubmitForm>
  )
}
