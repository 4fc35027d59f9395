/** Reads the organization's agents, and reads them again when the person comes back to the window. */
import { useWindowEvent } from '@mantine/hooks'
import { useCallback } from 'react'
import { useClient, useQuery } from 'urql'
import { noAnswer } from '../shared/errors'
import { useKnown } from '../shared/use-known'
import type { Looked } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { type Agent, AgentsQuery, aboutAgents } from './operations'

export function useAgents() {
  const { id } = useOrganization()
  const [{ data, error, fetching }, execute] = useQuery({
    query: AgentsQuery,
    variables: { organizationId: id },
    requestPolicy: 'cache-and-network',
    context: aboutAgents,
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWindowEvent('focus', refetch)
  const known = useKnown(data?.organization)
  return { agents: known && living(known.agents), error, fetching, refetch }
}

/** Reads all agents anew, and finds among them what a lost answer would have said. */
export function useLookAtAgents() {
  const client = useClient()
  const { id } = useOrganization()
  return useCallback(
    async <Found>(find: (agents: readonly Agent[]) => Found | undefined): Promise<Looked<Found>> => {
      const fresh = { ...aboutAgents, requestPolicy: 'network-only' } as const
      const { data, error } = await client.query(AgentsQuery, { organizationId: id }, fresh).toPromise()
      if (!data?.organization) return { error: error ?? noAnswer() }
      const found = find(living(data.organization.agents))
      return found === undefined ? { absent: true } : { found }
    },
    [client, id],
  )
}

function living(agents: readonly Agent[]): Agent[] {
  return agents.filter((each) => each.deletedAt === null)
}
