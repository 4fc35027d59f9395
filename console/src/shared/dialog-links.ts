/** Addresses of the key dialogs: `?new`, `?edit=key_…`, `?rotate=key_…`, `?delete=key_…`, on every page of an organization. */
import { useCallback } from 'react'
import { useSearchParams } from 'react-router'

export const dialogs = ['new', 'edit', 'rotate', 'delete'] as const
export type KeyDialog = (typeof dialogs)[number]

export function useKeyDialogs() {
  const [search, setSearch] = useSearchParams()
  const dialog = dialogs.find((each) => search.has(each))

  const open = useCallback(
    (which: KeyDialog, keyId = '') => setSearch((now) => withDialog(now, which, keyId)),
    [setSearch],
  )
  const close = useCallback(() => setSearch((now) => withDialog(now), { replace: true }), [setSearch])

  return { dialog, keyId: dialog ? (search.get(dialog) ?? '') : '', open, close }
}

function withDialog(now: URLSearchParams, which?: KeyDialog, keyId = ''): URLSearchParams {
  const search = new URLSearchParams(now)
  for (const each of dialogs) search.delete(each)
  if (which) search.set(which, keyId)
  return search
}

/** The id of the ⋮ button of a key's row. */
export function menuId(keyId: string): string {
  return `menu-of-${keyId}`
}
