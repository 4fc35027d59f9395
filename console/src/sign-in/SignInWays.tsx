/** The ways to sign in that the server has, the first one first: with a password, and at the identity provider. */
import { Button, Divider, Stack } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { SignInMethod } from '../shared/viewer'

interface Props {
  methods: SignInMethod[]
  /** The form for a password. */
  form: ReactNode
  /** A button for the identity provider. */
  button: (method: SignInMethod, isFirst: boolean) => ReactNode
}

export function SignInWays({ methods, form, button }: Props) {
  const [isOpened, setIsOpened] = useState(false)
  const password = methods.find(({ kind }) => kind === 'PASSWORD')
  const others = methods.filter((method) => method !== password)
  const isPasswordFirst = password === methods[0]
  const buttons = others.map((method) => <div key={method.label}>{button(method, !isPasswordFirst)}</div>)
  // A server that answers with no way at all is asked for a password, as before there were others.
  if (isPasswordFirst && others.length === 0) return form
  return (
    <Stack>
      {isPasswordFirst && form}
      {isPasswordFirst && <Divider label="or" />}
      {buttons}
      {password && !isPasswordFirst && (
        <Button
          variant="subtle"
          size="compact-sm"
          onClick={() => setIsOpened(!isOpened)}
          aria-expanded={isOpened}
        >
          {password.label}
        </Button>
      )}
      {password && !isPasswordFirst && isOpened && form}
    </Stack>
  )
}

/** The words of such a button. */
export const continueWith = ({ label }: SignInMethod) => `Continue with ${label}`
