/** Ends the session, and says so where it may not have ended. */
import { Button, Group, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import type { CombinedError } from 'urql'
import { signInClient } from '../shared/client'
import { Dialog } from '../shared/Dialog'
import { noAnswer } from '../shared/errors'
import { graphql } from '../shared/graphql'
import { leaveFor } from '../shared/session'
import { Trouble } from '../shared/Trouble'

const SignOut = graphql(`
  mutation SignOut {
    signOut
  }
`)

/** Leaves the page only after the server has confirmed it, because the page can't delete the cookie itself. */
export function useSignOut(onSignedOut = () => leaveFor('/sign-in')) {
  const [error, setError] = useState<CombinedError>()
  const [isPending, setIsPending] = useState(false)
  const isBusy = useRef(false)

  async function signOut() {
    if (isBusy.current) return
    isBusy.current = true
    setIsPending(true)
    const result = await signInClient.mutation(SignOut, {}).toPromise()
    isBusy.current = false
    setIsPending(false)
    if (result.data) {
      setError(undefined)
      onSignedOut()
    } else setError(result.error ?? noAnswer())
  }

  const trouble = error && (
    <Dialog title="You may still be signed in" onClose={() => setError(undefined)} focusAfter={['user-menu']}>
      <Stack>
        <Trouble error={error} what="The console could not confirm that you were signed out." />
        <Text size="sm">Try again before somebody else uses this browser.</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => setError(undefined)} disabled={isPending}>
            Close
          </Button>
          <Button onClick={signOut} loading={isPending} data-autofocus>
            Sign out
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
  return { signOut, trouble }
}

export function SignOutButton() {
  const { signOut, trouble } = useSignOut()
  return (
    <>
      <Button variant="subtle" size="compact-sm" onClick={signOut}>
        Sign out
      </Button>
      {trouble}
    </>
  )
}
