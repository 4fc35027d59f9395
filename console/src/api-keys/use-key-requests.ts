/** Reads the open requests for keys, for organization admins. */
import { useWindowEvent } from '@mantine/hooks'
import { useCallback } from 'react'
import { useQuery } from 'urql'
import { useKnown } from '../shared/use-known'
import { useOrganization } from '../shared/viewer'
import { aboutRequests, KeyRequestsQuery } from './operations'

export function useKeyRequests() {
  const { id } = useOrganization()
  const [{ data, error, fetching }, execute] = useQuery({
    query: KeyRequestsQuery,
    variables: { organizationId: id },
    requestPolicy: 'cache-and-network',
    context: aboutRequests,
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWindowEvent('focus', refetch)
  return { requests: useKnown(data?.organization)?.keyRequests, error, fetching, refetch }
}
