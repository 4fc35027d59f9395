/** Counts a key's recent requests and callers: *1,243 requests in 24 hours from 2 addresses.* */
import { useState } from 'react'
import { useQuery } from 'urql'
import type { ResultOf } from '../shared/graphql'
import { RecentUseQuery } from './operations'

type Usage = NonNullable<NonNullable<ResultOf<typeof RecentUseQuery>['apiKey']>['usage']>

const hour = 60 * 60 * 1000
const keptCallers = 20

export function useRecentUse(id: string, wanted: boolean): string | 'loading' {
  const [to] = useState(() => Date.now())
  const from = to - 24 * hour
  const [{ data, fetching }] = useQuery({
    query: RecentUseQuery,
    variables: { id, from: new Date(from).toISOString(), to: new Date(to).toISOString() },
    pause: !wanted,
  })
  if (fetching) return 'loading'
  const usage = data?.apiKey?.usage
  return usage ? recentUse(usage, from) : 'How much it is used could not be read.'
}

export function recentUse(usage: Usage, from: number): string {
  const requests = usage.series.reduce((sum, point) => sum + point.allowed, 0)
  const callers = usage.callers.filter((each) => Date.parse(each.lastSeenAt) >= from)
  const addresses = new Set(callers.map((each) => each.ipAddress)).size
  const counted = `${requests.toLocaleString('en')} ${requests === 1 ? 'request' : 'requests'} in 24 hours`
  if (addresses === 0) return `${counted}.`
  const least = callers.length >= keptCallers ? 'at least ' : ''
  return `${counted} from ${least}${addresses} ${addresses === 1 ? 'address' : 'addresses'}.`
}
