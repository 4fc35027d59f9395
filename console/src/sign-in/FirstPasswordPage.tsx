/** Shown after signing in with a one-time password, which has to be changed before anything else. */
import { Center, Paper, Stack, Text, Title } from '@mantine/core'
import { useCallback } from 'react'
import { useClient } from 'urql'
import { noAnswer } from '../shared/errors'
import { leaveFor } from '../shared/session'
import type { Looked } from '../shared/use-submit'
import { ViewerQuery } from '../shared/viewer'
import { ChangePasswordForm } from './ChangePasswordForm'
import { SignOutButton } from './SignOut'

export function FirstPasswordPage({ email }: { email: string }) {
  const client = useClient()
  const wasChanged = useCallback(async (): Promise<Looked<true>> => {
    const { data, error } = await client.query(ViewerQuery, {}, { requestPolicy: 'network-only' }).toPromise()
    if (!data) return { error: error ?? noAnswer() }
    // Where the session has ended, the sign-in opens by itself.
    return data.viewer?.passwordChangeRequired ? { absent: true } : { found: true }
  }, [client])
  return (
    <Center mih="100dvh" p="md">
      <Stack component="main" w="100%" maw={400}>
        <Title order={1} size="h3">
          Choose a password of your own
        </Title>
        <Text size="sm">You signed in with a one-time password. Replace it to open the console.</Text>
        <Paper withBorder p="lg" shadow="xs">
          <ChangePasswordForm
            email={email}
            currentLabel="One-time password"
            onChanged={openConsole}
            wasChanged={wasChanged}
          />
        </Paper>
        <SignOutButton />
      </Stack>
    </Center>
  )
}

/** The address stays the same, so that a link that somebody sent still opens. */
function openConsole() {
  leaveFor(window.location.href)
}
