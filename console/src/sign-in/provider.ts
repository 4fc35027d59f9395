/** Begins a sign-in at the identity provider. */
import type { SignInMethod } from '../shared/viewer'

/** The address that begins it, and returns to this page of the console. */
export function startAt({ url }: SignInMethod, next: string): string {
  return next === '/' ? `${url}` : `${url}?return=${encodeURIComponent(next)}`
}

/**
 * Begins a sign-in that accepts an invitation. The token must not be in an address, so it is posted.
 *
 * Returns the address at the provider, or a sentence that says why there is none.
 */
export async function startWithInvitation(token: string): Promise<{ url: string } | { problem: string }> {
  try {
    const response = await fetch('/sso/start', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ invitation: token }),
    })
    const answer: { url?: string; message?: string } = await response.json()
    return answer.url ? { url: answer.url } : { problem: answer.message ?? UNREACHABLE }
  } catch {
    return { problem: UNREACHABLE }
  }
}

const UNREACHABLE = 'The server could not be reached. Try again.'
