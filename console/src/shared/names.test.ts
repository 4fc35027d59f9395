import { expect, test } from 'vitest'
import { isSameName, nameProblem } from './names'

test('A name is counted in characters as the server counts them', () => {
  expect(nameProblem('  ', 'Enter a name.')).toBe('Enter a name.')
  expect(nameProblem('🗝'.repeat(64), '')).toBeNull()
  expect(nameProblem(`  ${'e\u0301'.repeat(64)}  `, '')).toBeNull()
  expect(nameProblem('a'.repeat(65), '')).toBe('The name has 65 characters; use at most 64.')
})

test('Names that look the same on a page are the same', () => {
  expect(isSameName('nightly  export ', 'nightly export')).toBe(true)
  expect(isSameName('cafe\u0301', 'caf\u00e9')).toBe(true)
  expect(isSameName('Nightly export', 'nightly export')).toBe(false)
})
