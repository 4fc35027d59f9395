import { expect, test } from 'vitest'
import { ago } from './time'

const now = Date.parse('2026-11-28T12:00:00Z')

test('A time is said relative to now', () => {
  expect(ago('2026-11-28T11:57:00Z', now)).toBe('3 minutes ago')
  expect(ago('2026-11-28T07:00:00Z', now)).toBe('5 hours ago')
})

test('The server’s clock may be a little ahead: that is not the future', () => {
  expect(ago('2026-11-28T12:00:04Z', now)).toBe('just now')
})
