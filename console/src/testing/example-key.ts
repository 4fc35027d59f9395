/** A key for tests. */
import type { ApiKey } from '../api-keys/operations'

export function key(name: string, more: Partial<ApiKey> = {}): ApiKey {
  return {
    id: name,
    name,
    scope: 'ORGANIZATION',
    agent: null,
    status: 'ACTIVE',
    hint: `kd_${name}…1234`,
    createdAt: '2026-01-01T00:00:00Z',
    createdBy: null,
    createdByToken: null,
    lastUsedAt: null,
    deletedAt: null,
    deletedBy: null,
    deletedByToken: null,
    previousSecretWorksUntil: null,
    previousSecretLastUsedAt: null,
    viewerCanManage: true,
    ...more,
  }
}
