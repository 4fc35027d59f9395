import { expect, test } from 'vitest'
import { bounds, chosen, ranges } from './ranges'

const now = Date.parse('2026-11-28T09:41:59Z')

test('24 hours are 24 whole hours, the one that has begun included', () => {
  const { range, interval } = chosen('24h', null)

  expect(interval).toBe('HOUR')
  expect(bounds(range, interval, now)).toEqual({
    from: '2026-11-27T10:00:00.000Z',
    to: '2026-11-28T10:00:00.000Z',
  })
})

test('days begin at midnight UTC, and today is one of them', () => {
  const { range, interval } = chosen('7d', 'day')

  expect(bounds(range, interval, now)).toEqual({
    from: '2026-11-22T00:00:00.000Z',
    to: '2026-11-29T00:00:00.000Z',
  })
})

test('no choice asks for more than the 800 intervals that the server gives', () => {
  for (const range of ranges) {
    for (const interval of range.intervals) {
      const { from, to } = bounds(range, interval, now)
      const length = interval === 'HOUR' ? 3_600_000 : 86_400_000

      expect((Date.parse(to) - Date.parse(from)) / length).toBeLessThanOrEqual(800)
    }
  }
})

test('an address that asks for what there is not gets the usual', () => {
  expect(chosen('a century', 'minute')).toEqual(chosen(null, null))
  expect(chosen('12m', 'hour').interval).toBe('DAY')
})
