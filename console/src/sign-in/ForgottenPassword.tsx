/** Says who can help with a forgotten password: nobody can look it up, and Keydesk sends no mail for it. */
import { Anchor, Button, Collapse, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'

export function ForgottenPassword({ supportEmail }: { supportEmail: string | null }) {
  const [opened, { toggle }] = useDisclosure()
  return (
    <div>
      <Button variant="transparent" size="compact-sm" px={0} onClick={toggle} aria-expanded={opened}>
        Forgot your password?
      </Button>
      <Collapse expanded={opened}>
        <Text size="sm" mt="xs">
          The operator of Keydesk can give you a one-time password, which you replace when you sign in.{' '}
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
      </Collapse>
    </div>
  )
}
