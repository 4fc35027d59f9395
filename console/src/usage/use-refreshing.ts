/** Reads the data on the screen again at intervals, as long as the page is visible. */
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
