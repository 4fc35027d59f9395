/** Reads the organization's people and invitations, and reads them again when the person comes back to the window. */
import { useWindowEvent } from '@mantine/hooks'
import { useCallback } from 'react'
import { useClient, useQuery } from 'urql'
import { noAnswer } from '../shared/errors'
import { useKnown } from '../shared/use-known'
import type { Looked } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { aboutPeople, type Invitation, type Member, type People, PeopleQuery } from './operations'

export function usePeople() {
  const { id } = useOrganization()
  const [{ data, error, fetching }, execute] = useQuery({
    query: PeopleQuery,
    variables: { organizationId: id },
    requestPolicy: 'cache-and-network',
    context: aboutPeople,
  })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useWindowEvent('focus', refetch)
  return { people: useKnown(data?.organization), error, fetching, refetch }
}

/** Reads everybody anew, and finds among them what a lost answer would have said. */
export function useLookAtPeople() {
  const client = useClient()
  const { id } = useOrganization()
  return useCallback(
    async <Found>(find: (people: People) => Found | undefined): Promise<Looked<Found>> => {
      const variables = { organizationId: id }
      const fresh = { ...aboutPeople, requestPolicy: 'network-only' } as const
      const { data, error } = await client.query(PeopleQuery, variables, fresh).toPromise()
      if (!data?.organization) return { error: error ?? noAnswer() }
      const found = find(data.organization)
      return found === undefined ? { absent: true } : { found }
    },
    [client, id],
  )
}

export function matching(members: readonly Member[], search: string): Member[] {
  const wanted = search.trim().toLowerCase()
  return members.filter(({ user }) =>
    [user.name, user.email].some((text) => text.toLowerCase().includes(wanted)),
  )
}

export function isExpired({ expiresAt }: Pick<Invitation, 'expiresAt'>, now = Date.now()): boolean {
  return Date.parse(expiresAt) <= now
}
