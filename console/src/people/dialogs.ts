/** Addresses of the People page's dialogs: `?invite`, `?change=usr_…`, `?remove=usr_…`, `?resend=inv_…`, `?revoke=inv_…`. */
import { useDialogs } from '../shared/dialog-links'

const peopleDialogs = ['invite', 'change', 'remove', 'resend', 'revoke'] as const

export function usePeopleDialogs() {
  return useDialogs(peopleDialogs)
}
