/** Reads the organization's keys, and reads them again when the person comes back to the window. */
import { useWindowEvent } from '@mantine/hooks'
import { useCallback } from 'react'
import { useQuery } from 'urql'
import { useKnown } from '../shared/use-known'
import { useOrganization } from '../shared/viewer'
import { ApiKeysQuery, aboutKeys } from './operations'

export function useApiKeys(includeDeleted = false) {
  const { id } = useOrganization()
  const [{ data, error, fetching }, execute] = useQuery({
    query: ApiKeysQuery,
    variables: { organizationId: id, includeDeleted },
    requestPolicy: 'cache-and-network',
    context: aboutKeys,
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWindowEvent('focus', refetch)
  // While the list is shown, a dialog's form stays mounted, with what was typed into it.
  const organization = useKnown(data?.organization)
  return { organization, error, fetching, refetch }
}
