import { expect, test } from 'vitest'
import type { Refusal } from './operations'
import { eventful, total } from './outcomes'
import { reasonsOf } from './reasons'

const quiet = { allowed: 0, rateLimited: 0, quotaExceeded: 0, refused: 0 }
const points = [
  { ...quiet, start: '2026-11-28T07:00:00Z', allowed: 3 },
  { ...quiet, start: '2026-11-28T08:00:00Z' },
  { ...quiet, start: '2026-11-28T09:00:00Z', refused: 2, allowed: 1 },
]

test('each outcome has its own total', () => {
  expect(total(points, 'allowed')).toBe(4)
  expect(total(points, 'refused')).toBe(2)
  expect(total(points, 'rateLimited')).toBe(0)
})

test('the table has the newest first, and leaves out when nothing happened', () => {
  expect(eventful(points).map(({ start }) => start)).toEqual(['2026-11-28T09:00:00Z', '2026-11-28T07:00:00Z'])
})

test('each reason is explained once, that of the newest refusal first', () => {
  const refusals = (['RATE_LIMITED', 'DELETED_KEY', 'RATE_LIMITED'] as const).map(
    (reason, index): Refusal => ({
      id: `req_${index}`,
      reason,
      at: '2026-11-28T09:00:00Z',
      ipAddress: null,
      userAgent: null,
      agent: null,
    }),
  )

  expect(reasonsOf(refusals)).toEqual(['RATE_LIMITED', 'DELETED_KEY'])
})
