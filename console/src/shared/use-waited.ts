/** Tells when a person has waited long enough to read why, and when waiting takes longer than usual. */
import { useEffect, useState } from 'react'
import { useSignedOut } from './session'

const reasonMilliseconds = 400
const slowMilliseconds = 8000

/** The time in which the person signs in again does not count. */
export function useWaited(isPending: boolean) {
  const signedOut = useSignedOut()
  const [reasonShown, setReasonShown] = useState(false)
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    setReasonShown(false)
    setSlow(false)
    if (!isPending || signedOut) return
    const timers = [
      window.setTimeout(() => setReasonShown(true), reasonMilliseconds),
      window.setTimeout(() => setSlow(true), slowMilliseconds),
    ]
    return () => timers.forEach(window.clearTimeout)
  }, [isPending, signedOut])
  return {
    isReasonShown: isPending && reasonShown,
    isSlow: isPending && slow,
    show: () => setReasonShown(true),
  }
}
