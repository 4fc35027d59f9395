/** Reads the organization's service tokens, and reads them again when the person comes back to the window. */
import { useWindowEvent } from '@mantine/hooks'
import { useCallback } from 'react'
import { useClient, useQuery } from 'urql'
import { noAnswer } from '../shared/errors'
import { useKnown } from '../shared/use-known'
import type { Looked } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { aboutTokens, type ServiceToken, TokensQuery } from './operations'

export function useTokens() {
  const { id } = useOrganization()
  const [{ data, error, fetching }, execute] = useQuery({
    query: TokensQuery,
    variables: { organizationId: id },
    requestPolicy: 'cache-and-network',
    context: aboutTokens,
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWindowEvent('focus', refetch)
  return { tokens: useKnown(data?.organization), error, fetching, refetch }
}

/** Reads all tokens anew, and finds among them what a lost answer would have said. */
export function useLookAtTokens() {
  const client = useClient()
  const { id } = useOrganization()
  return useCallback(
    async <Found>(find: (tokens: readonly ServiceToken[]) => Found | undefined): Promise<Looked<Found>> => {
      const fresh = { ...aboutTokens, requestPolicy: 'network-only' } as const
      const { data, error } = await client.query(TokensQuery, { organizationId: id }, fresh).toPromise()
      if (!data?.organization) return { error: error ?? noAnswer() }
      const found = find(data.organization.serviceTokens)
      return found === undefined ? { absent: true } : { found }
    },
    [client, id],
  )
}
