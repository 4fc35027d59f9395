import { describe, expect, test } from 'vitest'
import type { Member } from './operations'
import { stateOf } from './RemovedNotice'
import { standingOf, standingRules } from './RoleFields'
import { isExpired, matching } from './use-people'

function member(name: string, email: string): Member {
  return {
    user: { id: name, name, email },
    role: 'MEMBER',
    agents: [],
    lastSignedInAt: null,
    viewerCanManage: true,
  }
}

const mia = member('Mia Torres', 'mia@northwind.example')
const omar = member('Omar Orlov', 'o.orlov@contoso.example')

describe('Searching people', () => {
  test.each([
    ['', [mia, omar]],
    [' TORRES ', [mia]],
    ['contoso', [omar]],
    ['orlov', [omar]],
    ['nobody', []],
  ])('“%s” looks in names and addresses, in any case', (search, found) => {
    expect(matching([mia, omar], search)).toEqual(found)
  })
})

test.each([
  ['2026-11-30T10:00:00Z', true],
  ['2026-11-30T10:00:01Z', false],
])('An invitation until %s has expired at ten: %s', (expiresAt, expected) => {
  expect(isExpired({ expiresAt }, Date.parse('2026-11-30T10:00:00Z'))).toBe(expected)
})

describe('A key whose secret somebody has seen', () => {
  test.each([
    ['keeps its secret', { hint: 'kd_ab…1234' }, 'same'],
    ['was rotated', { hint: 'kd_ab…9876' }, 'rotated'],
    ['is no longer in the list', undefined, 'deleted'],
  ] as const)('%s', (_, now, expected) => {
    expect(stateOf({ hint: 'kd_ab…1234' }, now)).toBe(expected)
  })
})

describe('A role', () => {
  test('of an agent admin needs an agent, others need none', () => {
    expect(standingRules.agentIds([], { role: 'AGENT_ADMIN', agentIds: [] })).toMatch(/at least one agent/)
    expect(standingRules.agentIds([], { role: 'MEMBER', agentIds: [] })).toBeNull()
    expect(standingRules.role('')).toMatch(/Choose/)
  })

  test('without agents is sent without those that were chosen before', () => {
    expect(standingOf({ role: 'MEMBER', agentIds: ['agt_1'] })).toEqual({ role: 'MEMBER', agentIds: [] })
    expect(standingOf({ role: 'AGENT_ADMIN', agentIds: ['agt_1'] }).agentIds).toEqual(['agt_1'])
  })
})
