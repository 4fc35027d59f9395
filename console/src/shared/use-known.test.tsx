import { renderHook } from '@testing-library/react'
import { expect, test } from 'vitest'
import { useKnown } from './use-known'

function rendered(value: string | null | undefined, subject?: string) {
  return renderHook(({ now, about }) => useKnown(now, about), {
    initialProps: { now: value, about: subject },
  })
}

test('The last value stays while there is none', () => {
  const { result, rerender } = rendered(undefined)
  expect(result.current).toBeUndefined()

  for (const [now, known] of [
    ['first', 'first'],
    [undefined, 'first'],
    ['second', 'second'],
    [null, 'second'],
  ] as const) {
    rerender({ now, about: undefined })
    expect(result.current).toBe(known)
  }
})

test('Another subject begins without a value', () => {
  const { result, rerender } = rendered('of today', 'today')

  rerender({ now: undefined, about: 'yesterday' })
  expect(result.current).toBeUndefined()
  rerender({ now: 'of yesterday', about: 'yesterday' })
  expect(result.current).toBe('of yesterday')
})
