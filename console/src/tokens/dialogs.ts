/** Addresses of the Tokens page's dialogs: `?new-token`, `?revoke-token=tok_…`. */
import { useDialogs } from '../shared/dialog-links'

const tokenDialogs = ['new-token', 'revoke-token'] as const

export function useTokenDialogs() {
  return useDialogs(tokenDialogs)
}
