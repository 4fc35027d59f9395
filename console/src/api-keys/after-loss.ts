/** Reads a key's state after the answer to a mutation was lost. */
import { useCallback } from 'react'
import { type CombinedError, useClient } from 'urql'
import { noAnswer } from '../shared/errors'
import { isSameName } from '../shared/names'
import type { Looked } from '../shared/use-submit'
import { useOrganization, useSignedIn } from '../shared/viewer'
import { type ApiKey, ApiKeyQuery, ApiKeysQuery, aboutKeys, RotationsQuery } from './operations'

export interface WantedKey {
  name: string
  scope: ApiKey['scope']
  agentId?: string | null
}

/** The keys that this creation may have made: new ones with its name and scope, created by this person. */
export function createdKeys(
  keys: readonly ApiKey[],
  before: ReadonlySet<string>,
  { name, scope, agentId }: WantedKey,
  userId: string,
): ApiKey[] {
  return keys.filter(
    (each) =>
      !before.has(each.id) &&
      each.createdBy?.id === userId &&
      each.scope === scope &&
      (each.agent?.id ?? null) === (agentId ?? null) &&
      isSameName(each.name, name),
  )
}

export interface Rotation {
  at: string
  actor: { id: string; name: string } | null
  actorName: string
}

export interface AfterRotation {
  apiKey: ApiKey
  /** The newest rotation in the audit log, if its newest events have one. */
  rotation?: Rotation
}

/** The key as it is now; undefined where it still has its old secret. */
export function afterRotation(
  apiKey: ApiKey,
  hintBefore: string,
  events: readonly (Rotation & { action: string; apiKey: { id: string } | null })[],
): AfterRotation | undefined {
  if (apiKey.hint === hintBefore && apiKey.deletedAt === null) return undefined
  return {
    apiKey,
    rotation: events.find((each) => each.action === 'API_KEY_ROTATED' && each.apiKey?.id === apiKey.id),
  }
}

const fresh = { ...aboutKeys, requestPolicy: 'network-only' } as const

export function useLooks() {
  const client = useClient()
  const { id: organizationId } = useOrganization()
  const { viewer } = useSignedIn()
  const userId = viewer.user.id

  const created = useCallback(
    async (wanted: WantedKey, before: ReadonlySet<string>): Promise<Looked<ApiKey[]>> => {
      const variables = { organizationId, includeDeleted: false }
      const { data, error } = await client.query(ApiKeysQuery, variables, fresh).toPromise()
      if (!data?.organization) return failed(error)
      const found = createdKeys(data.organization.apiKeys, before, wanted, userId)
      return found.length > 0 ? { found } : { absent: true }
    },
    [client, organizationId, userId],
  )

  const rotated = useCallback(
    async (id: string, hintBefore: string): Promise<Looked<AfterRotation>> => {
      const { data, error } = await client.query(RotationsQuery, { id, organizationId }, fresh).toPromise()
      if (!data?.apiKey) return failed(error)
      const events = data.organization?.auditLog.edges.map(({ node }) => node) ?? []
      const found = afterRotation(data.apiKey, hintBefore, events)
      return found ? { found } : { absent: true }
    },
    [client, organizationId],
  )

  /** The key as it is now; null where it is gone, or not this person's to see any more. */
  const now = useCallback(
    async (id: string): Promise<{ apiKey: ApiKey | null } | { error: CombinedError }> => {
      const { data, error } = await client.query(ApiKeyQuery, { id }, fresh).toPromise()
      return data && !error ? { apiKey: data.apiKey } : failed(error)
    },
    [client],
  )

  return { created, rotated, now }
}

function failed(error: CombinedError | undefined): { error: CombinedError } {
  return { error: error ?? noAnswer() }
}
