import { expect, test } from 'vitest'
import { key } from '../testing/example-key'
import { leastUsed } from './least-used'
import type { ApiKey } from './operations'
import { recentUse } from './recent-use'
import { matching, newestFirst, nextOrder, sorted } from './sorting'

const names = (keys: ApiKey[]) => keys.map((each) => each.name)

test('What could go is in the order of KeyLimitReached: never used, then the longest unused, then the oldest', () => {
  const keys = [
    key('yesterday', { lastUsedAt: '2026-11-27T00:00:00Z' }),
    key('never, younger', { createdAt: '2026-02-01T00:00:00Z' }),
    key('last month', { lastUsedAt: '2026-10-27T00:00:00Z' }),
    key('never, older'),
    key('somebody else’s', { viewerCanManage: false }),
    key('gone', { status: 'DELETED', deletedAt: '2026-11-01T00:00:00Z' }),
  ]

  expect(names(leastUsed(keys))).toEqual(['never, older', 'never, younger', 'last month', 'yesterday'])
})

test('Deleted keys stay below the living ones, whatever the order', () => {
  const keys = [key('b', { deletedAt: '2026-11-01T00:00:00Z' }), key('c'), key('a')]

  expect(names(sorted(keys, { column: 'name', descending: false }))).toEqual(['a', 'c', 'b'])
  expect(names(sorted(keys, { column: 'name', descending: true }))).toEqual(['c', 'a', 'b'])
})

test('Numbers in names are ordered as numbers', () => {
  const keys = [key('export 10'), key('export 9')]

  expect(names(sorted(keys, { column: 'name', descending: false }))).toEqual(['export 9', 'export 10'])
})

test('Selecting a column again turns its order round, and a time begins with the newest', () => {
  expect(nextOrder(newestFirst, 'lastUsedAt')).toEqual({ column: 'lastUsedAt', descending: true })
  expect(nextOrder(newestFirst, 'createdAt')).toEqual({ column: 'createdAt', descending: false })
  expect(nextOrder(newestFirst, 'name')).toEqual({ column: 'name', descending: false })
})

test('A search looks at name, hint and agent, case aside', () => {
  const crawler = { id: 'agt_1', name: 'Crawler', deletedAt: null }
  const keys = [key('Billing'), key('other', { agent: crawler, scope: 'AGENT' }), key('third')]

  expect(names(matching(keys, ' bill'))).toEqual(['Billing'])
  expect(names(matching(keys, 'CRAWL'))).toEqual(['other'])
  expect(names(matching(keys, 'kd_third'))).toEqual(['third'])
})

test('What a deletion would break counts the callers of the last day only', () => {
  const from = Date.parse('2026-11-27T12:00:00Z')
  const series = [
    { start: '2026-11-27T12:00:00Z', allowed: 1200 },
    { start: '2026-11-27T13:00:00Z', allowed: 43 },
  ]
  const callers = [
    { ipAddress: '192.0.2.1', lastSeenAt: '2026-11-28T11:00:00Z' },
    { ipAddress: '192.0.2.2', lastSeenAt: '2026-11-28T10:00:00Z' },
    { ipAddress: '192.0.2.3', lastSeenAt: '2026-11-01T10:00:00Z' },
  ]

  expect(recentUse({ series, callers }, from)).toBe('1,243 requests in 24 hours from 2 addresses.')
})
