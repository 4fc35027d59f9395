/** Addresses of dialogs: such as the key dialogs, `?new` and `?rotate=key_…`, on every page of an organization. */
import { useCallback } from 'react'
import { useSearchParams } from 'react-router'

/** `ask` asks the admins for a key; `request` opens the form for a new key, filled in by what somebody asked for. */
const keyDialogs = ['new', 'edit', 'rotate', 'delete', 'ask', 'request'] as const
export type KeyDialog = (typeof keyDialogs)[number]

/** The dialog that the address names, of those with these names, and what it is about. */
export function useDialogs<Name extends string>(names: readonly Name[]) {
  const [search, setSearch] = useSearchParams()
  const dialog = names.find((each) => search.has(each))

  const open = useCallback(
    (which: Name, about = '') =>
      setSearch((now) => withDialog(names, now, which, about), { preventScrollReset: true }),
    [names, setSearch],
  )
  const close = useCallback(
    () => setSearch((now) => withDialog(names, now), { replace: true, preventScrollReset: true }),
    [names, setSearch],
  )

  return { dialog, about: dialog ? (search.get(dialog) ?? '') : '', open, close }
}

export function useKeyDialogs() {
  const { about, ...links } = useDialogs(keyDialogs)
  const isOfRequest = links.dialog === 'request'
  return { ...links, keyId: isOfRequest ? '' : about, requestId: isOfRequest ? about : '' }
}

function withDialog<Name extends string>(
  names: readonly Name[],
  now: URLSearchParams,
  which?: Name,
  about = '',
): URLSearchParams {
  const search = new URLSearchParams(now)
  for (const each of names) search.delete(each)
  if (which) search.set(which, about)
  return search
}

/** The id of the ⋮ button of the row of a key, a person, an invitation or an agent. */
export function menuId(id: string): string {
  return `menu-of-${id}`
}
