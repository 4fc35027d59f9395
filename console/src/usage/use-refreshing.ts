/** Reads again what is on the screen, as long as somebody can see it. */
import { useInterval, useWindowEvent } from '@mantine/hooks'
import { useSignedOut } from '../shared/session'

export function useRefreshing(refresh: () => void, seconds: number) {
  const signedOut = useSignedOut()

  function refreshIfSeen() {
    if (!document.hidden && navigator.onLine && !signedOut) refresh()
  }

  useInterval(refreshIfSeen, seconds * 1000, { autoInvoke: true })
  useWindowEvent('focus', refreshIfSeen)
}
