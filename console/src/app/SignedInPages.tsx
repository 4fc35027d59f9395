/** What all signed-in pages share: the viewer, and the sign-in dialog when the session ends. */
import { Center, Container, Loader } from '@mantine/core'
import { lazy, Suspense, useEffect, useMemo } from 'react'
import { Navigate, Outlet, useLocation } from 'react-router'
import { useQuery } from 'urql'
import { signInAgain, useSignedOut } from '../shared/session'
import { Trouble } from '../shared/Trouble'
import { useKnown } from '../shared/use-known'
import { type SignedIn, SignedInContext, ViewerQuery } from '../shared/viewer'

const SignedOutDialog = lazy(async () => ({
  default: (await import('../sign-in/SignedOutDialog')).SignedOutDialog,
}))
const FirstPasswordPage = lazy(async () => ({
  default: (await import('../sign-in/FirstPasswordPage')).FirstPasswordPage,
}))

export function SignedInPages() {
  const [{ data, error, fetching }, refetch] = useQuery({ query: ViewerQuery })
  const location = useLocation()
  const signedOut = useSignedOut()
  const known = useKnown(data?.viewer ? data : undefined)
  const signedIn = useMemo<SignedIn | undefined>(
    () => (known?.viewer ? { ...known, viewer: known.viewer } : undefined),
    [known],
  )

  const ended = data?.viewer === null && signedIn !== undefined
  useEffect(() => {
    if (ended) signInAgain().then(() => refetch({ requestPolicy: 'network-only' }))
  }, [ended, refetch])

  if (!signedIn) {
    if (data?.viewer === null) {
      const next = location.pathname + location.search
      return <Navigate to={next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`} replace />
    }
    if (error && !fetching) {
      return (
        <Container size="sm" py="xl">
          <Trouble error={error} onRetry={() => refetch({ requestPolicy: 'network-only' })} />
        </Container>
      )
    }
    return <Waiting />
  }
  const { viewer } = signedIn
  return (
    <SignedInContext value={signedIn}>
      {viewer.passwordChangeRequired ? (
        <Suspense fallback={<Waiting />}>
          <FirstPasswordPage email={viewer.user.email} />
        </Suspense>
      ) : (
        <Outlet />
      )}
      {signedOut && (
        <Suspense>
          <SignedOutDialog user={viewer.user} />
        </Suspense>
      )}
    </SignedInContext>
  )
}

export function Waiting() {
  return (
    <Center h="100dvh">
      <Loader type="dots" aria-label="Loading" />
    </Center>
  )
}
