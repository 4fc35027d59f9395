/** Says who can help with a forgotten password. Nobody can look it up, and no mail is sent from here. */
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
          Who runs Keydesk for your organization can give you a one-time password, which you change as you
          sign in.{' '}
          {supportEmail ? (
            <>
              Write to <Anchor href={`mailto:${supportEmail}`}>{supportEmail}</Anchor>.
            </>
          ) : (
            <>Ask the person who gave you your sign-in, or one of your organization’s admins, who that is.</>
          )}
        </Text>
      </Collapse>
    </div>
  )
}
