/** Keeps whether the session ended while the person was at work, and resumes what waits for a new one. */
import { useSyncExternalStore } from 'react'

let resume: (() => void) | undefined
let waiting: Promise<void> | undefined
const listeners = new Set<() => void>()

function changed() {
  for (const listener of listeners) listener()
}

/** Opens the sign-in dialog, and resolves once the same person has signed in again. */
export function signInAgain(): Promise<void> {
  waiting ??= new Promise((resolve) => {
    resume = resolve
  })
  changed()
  return waiting
}

export function signedInAgain() {
  resume?.()
  resume = waiting = undefined
  changed()
}

export function isSignedOut(): boolean {
  return waiting !== undefined
}

export function useSignedOut(): boolean {
  return useSyncExternalStore((listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, isSignedOut)
}

/** Where to go after signing in: only an address of this server. */
export function safeNext(next: string | null, origin = window.location.origin): string {
  if (!next || !URL.canParse(next, origin)) return '/'
  const address = new URL(next, origin)
  if (address.origin !== origin || address.pathname.startsWith('//')) return '/'
  return address.pathname + address.search + address.hash
}

/** Leaves by loading the page anew, so that nothing of the previous person stays in memory. */
export function leaveFor(address: string) {
  window.location.assign(address)
}
