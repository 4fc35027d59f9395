/** Reads the organization's keys, and reads them again when the person comes back to the window. */
import { useWindowEvent } from '@mantine/hooks'
import { useCallback, useRef } from 'react'
import { useQuery } from 'urql'
import { useOrganization } from '../shared/viewer'
import { ApiKeysQuery, aboutKeys, type KeysOfOrganization } from './operations'

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
  // What was read stays on show while it can't be read again, and with it what is typed into a dialog.
  const known = useRef<KeysOfOrganization>(undefined)
  if (data?.organization) known.current = data.organization
  return { organization: known.current, error, fetching, refetch }
}
