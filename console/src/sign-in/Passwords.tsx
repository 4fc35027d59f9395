/** The password fields of all forms, labelled for password managers. */
import { PasswordInput, type PasswordInputProps } from '@mantine/core'

const leastLength = 12
const toggle = { 'aria-label': 'Show or hide the password', tabIndex: 0 }

/** The server checks more, such as whether it is a common password. */
export function passwordProblem(password: string): string | null {
  return password.length >= leastLength ? null : `At least ${leastLength} characters.`
}

export function OldPasswordInput(props: PasswordInputProps) {
  return <PasswordInput autoComplete="current-password" visibilityToggleButtonProps={toggle} {...props} />
}

export function NewPasswordInput(props: PasswordInputProps) {
  return (
    <PasswordInput
      description={`At least ${leastLength} characters.`}
      autoComplete="new-password"
      visibilityToggleButtonProps={toggle}
      {...props}
    />
  )
}

/** Tells password managers whose password this is. */
export function UsernameOf({ email }: { email: string }) {
  return <input type="email" autoComplete="username" value={email} readOnly hidden />
}
