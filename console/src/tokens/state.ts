/** Whether a service token still works. */
import type { ServiceToken } from './operations'

export type State = 'works' | 'expired' | 'revoked'

export function stateOf(
  { expiresAt, revokedAt }: Pick<ServiceToken, 'expiresAt' | 'revokedAt'>,
  now = Date.now(),
): State {
  if (revokedAt) return 'revoked'
  return Date.parse(expiresAt) <= now ? 'expired' : 'works'
}
