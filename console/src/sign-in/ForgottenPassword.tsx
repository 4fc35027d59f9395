/** Mails a link for a new password, and says whom to ask if nothing arrives: nobody can look a password up. */
import { Anchor, Button, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useEffect, useRef, useState } from 'react'
import { brand } from '../shared/brand'
import { whenValid } from '../shared/invalid-input'
import { SubmitForm } from '../shared/SubmitForm'
import { useSubmit } from '../shared/use-submit'
import { RequestPasswordReset } from './operations'

interface Props {
  /** What was typed into the form for signing in. */
  email: string
  supportEmail: string | null
}

export function ForgottenPassword({ email, supportEmail }: Props) {
  const [opened, setOpened] = useState(false)
  const [isAsked, setIsAsked] = useState(false)
  const button = useRef<HTMLButtonElement>(null)

  function toggle() {
    setOpened(!opened)
    setIsAsked(false)
  }

  /** The form disappears, and with it the button that has the focus. */
  function returnFocus() {
    button.current?.focus()
  }

  return (
    <div>
      <Button
        ref={button}
        variant="transparent"
        size="compact-sm"
        px={0}
        onClick={toggle}
        aria-expanded={opened}
      >
        Forgotten password?
      </Button>
      {opened && (
        <>
          <div role="status">
            {/* The same sentence for every address: it does not tell who has an account. */}
            {isAsked && (
              <Text size="sm" mt="xs">
                If this address has an account, a mail with a link is on its way to it. The link works once,
                within an hour.
              </Text>
            )}
          </div>
          {!isAsked && (
            <ForgottenPasswordForm
              email={email}
              onAsked={() => {
                setIsAsked(true)
                returnFocus()
              }}
              onCancel={() => {
                toggle()
                returnFocus()
              }}
            />
          )}
          <Text size="sm" mt="sm" c="dimmed">
            If no mail arrives, the operator of {brand.name} can give you a one-time password.{' '}
            {supportEmail ? (
              <>
                Write to <Anchor href={`mailto:${supportEmail}`}>{supportEmail}</Anchor>.
              </>
            ) : (
              <>
                Ask an admin of your organization, or the person who set up your sign-in, how to reach the
                operator.
              </>
            )}
          </Text>
        </>
      )}
    </div>
  )
}

interface FormProps {
  email: string
  onAsked: () => void
  onCancel: () => void
}

export function ForgottenPasswordForm({ email, onAsked, onCancel }: FormProps) {
  const form = useForm({
    name: 'forgotten-password', // the form for signing in has a field of the same name
    initialValues: { email },
    validate: { email: (value) => (value.trim() ? null : 'Enter your e-mail address.') },
  })
  const asking = useSubmit({
    mutation: RequestPasswordReset,
    answerIn: (data) => data.requestPasswordReset,
    onAnswer: () => {
      onAsked()
      return undefined
    },
  })
  // Opened by a button above it, which has the focus.
  const { getInputNode } = form
  useEffect(() => {
    getInputNode('email')?.focus()
  }, [getInputNode])
  return (
    <Stack mt="xs">
      <SubmitForm
        submission={asking}
        onSubmit={whenValid(form, ({ email }) => asking.send({ email: email.trim() }))}
        failure="No mail was sent."
        loss={{
          what: 'The mail may be on its way.',
          absent: 'If it does not arrive within a few minutes, try again.',
        }}
        label="Mail me a link"
        doing="Asking for the mail."
        onCancel={onCancel}
      >
        <TextInput
          label="Your e-mail address"
          description="You get a link with which you choose a new password."
          type="email"
          autoComplete="username"
          {...form.getInputProps('email')}
        />
      </SubmitForm>
    </Stack>
  )
}
