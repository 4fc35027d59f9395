/** After signing in with a one-time password: nothing else goes on until it is changed. */
import { Button, Center, Paper, Stack, Text, Title } from '@mantine/core'
import { leaveFor } from '../app/session'
import { ChangePasswordForm } from './ChangePasswordForm'
import { signOut } from './sign-out'

export function FirstPasswordPage({ email }: { email: string }) {
  return (
    <Center mih="100dvh" p="md">
      <Stack component="main" w="100%" maw={400}>
        <Title order={1} size="h3">
          Choose a password of your own
        </Title>
        <Text size="sm">You signed in with a one-time password. Replace it now; then the console opens.</Text>
        <Paper withBorder p="lg" shadow="xs">
          <ChangePasswordForm
            email={email}
            currentLabel="One-time password"
            // The address stays: a link that somebody sent still opens.
            onChanged={() => leaveFor(window.location.href)}
          />
        </Paper>
        <Button variant="subtle" size="compact-sm" onClick={signOut}>
          Sign out
        </Button>
      </Stack>
    </Center>
  )
}
