import { expect, test } from 'vitest'
import { safeNext } from './session'

const here = 'https://keys.example'

test.each([
  ['/organizations/org_1/api-keys?edit=key_1', '/organizations/org_1/api-keys?edit=key_1'],
  ['/graphiql', '/graphiql'],
  [null, '/'],
  ['', '/'],
])('Signing in leads on to %j, a page of this server', (next, address) => {
  expect(safeNext(next, here)).toBe(address)
})

test.each([
  'https://evil.example/',
  '//evil.example',
  '/\\evil.example',
  '/x/..//evil.example',
  'javascript:alert(1)',
  'https://keys.example:1/',
  'http://[',
])('Signing in never leads on to %j', (next) => {
  expect(safeNext(next, here)).toBe('/')
})
