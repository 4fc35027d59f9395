import { describe, expect, test } from 'vitest'
import { isCurrent, pagesOf } from './pages'

describe('The pages of an organization', () => {
  test.each([
    ['ORGANIZATION_ADMIN', ['API Keys', 'Agents', 'People', 'Tokens', 'Audit log', 'Documentation']],
    ['AGENT_ADMIN', ['API Keys', 'Audit log', 'Documentation']],
    ['MEMBER', ['API Keys', 'Documentation']],
  ] as const)('for the role %s are those that it can use', (viewerRole, labels) => {
    expect(pagesOf({ id: 'org_1', viewerRole }).map(({ label }) => label)).toEqual(labels)
  })

  test.each([
    ['/organizations/org_1/api-keys', true],
    ['/organizations/org_1/api-keys/key_1/usage', true],
    ['/organizations/org_1/api-keys-of-others', false],
    ['/organizations/org_1/people', false],
  ])('%s is on the page of keys: %s', (pathname, expected) => {
    expect(isCurrent({ label: 'API Keys', path: '/organizations/org_1/api-keys' }, pathname)).toBe(expected)
  })
})
