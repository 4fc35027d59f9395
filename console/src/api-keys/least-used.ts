/** Which keys to delete first: never used, then the longest unused, then the oldest, in the order of `KeyLimitReached`. */
import type { ApiKey } from './operations'

export function leastUsed(keys: readonly ApiKey[]): ApiKey[] {
  return keys
    .filter((each) => each.viewerCanManage && each.status === 'ACTIVE')
    .sort(
      (one, other) =>
        (one.lastUsedAt ?? '').localeCompare(other.lastUsedAt ?? '') ||
        one.createdAt.localeCompare(other.createdAt),
    )
}
