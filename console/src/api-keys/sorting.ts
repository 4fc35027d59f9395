/** Orders and filters the list of keys. */
import type { ApiKey } from './operations'

export type Column = 'name' | 'scope' | 'createdAt' | 'lastUsedAt'

export interface Order {
  column: Column
  descending: boolean
}

export const newestFirst: Order = { column: 'createdAt', descending: true }

/** A newly chosen column starts with names from A and times from the newest. */
export function nextOrder(now: Order, column: Column): Order {
  if (now.column === column) return { column, descending: !now.descending }
  return { column, descending: column.endsWith('At') }
}

/** Deleted keys come last in every order. */
export function sorted(keys: readonly ApiKey[], { column, descending }: Order): ApiKey[] {
  const direction = descending ? -1 : 1
  return [...keys].sort(
    (one, other) =>
      Number(one.deletedAt !== null) - Number(other.deletedAt !== null) ||
      direction * compare(textOf(one, column), textOf(other, column)),
  )
}

export function matching(keys: readonly ApiKey[], search: string): ApiKey[] {
  const wanted = search.trim().toLowerCase()
  return keys.filter((each) =>
    [each.name, each.hint, each.agent?.name ?? ''].some((text) => text.toLowerCase().includes(wanted)),
  )
}

function textOf(key: ApiKey, column: Column): string {
  if (column === 'scope') return key.scope === 'AGENT' ? `1 ${key.agent?.name}` : '0'
  return key[column] ?? ''
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

function compare(one: string, other: string): number {
  return collator.compare(one, other)
}
