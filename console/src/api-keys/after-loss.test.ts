import { expect, test } from 'vitest'
import { key } from '../testing/example-key'
import { afterRotation, createdKeys } from './after-loss'

const nora = { id: 'user_nora', name: 'Nora' }
const amir = { id: 'user_amir', name: 'Amir' }

test('A lost creation is found by name, scope and creator, among the keys that were not there before', () => {
  const made = key('billing', { id: 'made', createdBy: nora })
  const others = [
    key('billing', { id: 'there before', createdBy: nora }),
    key('billing', { id: 'a colleague’s', createdBy: amir }),
    key('billing', { id: 'the operator’s' }),
    key('billing 2', { id: 'another name', createdBy: nora }),
    key('billing', {
      id: 'another scope',
      createdBy: nora,
      scope: 'AGENT',
      agent: { id: 'agent_1', name: 'Clerk', deletedAt: null },
    }),
  ]

  const found = createdKeys(
    [...others, made],
    new Set(['there before']),
    { name: ' billing ', scope: 'ORGANIZATION', agentId: null },
    nora.id,
  )

  expect(found).toEqual([made])
})

test('A rotation is seen by the end of the secret, and the audit log says whose it is', () => {
  const before = 'kd_abc…1234'
  const rotated = key('billing', { hint: 'kd_abc…9876' })
  const event = {
    action: 'API_KEY_ROTATED',
    at: '2026-11-30T10:00:00Z',
    actor: amir,
    actorName: 'Amir',
    apiKey: { id: 'billing' },
  }
  const older = { ...event, at: '2026-11-29T10:00:00Z', actor: nora }
  const renamed = { ...event, action: 'API_KEY_RENAMED', actor: nora }
  const another = { ...event, actor: nora, apiKey: { id: 'portal' } }

  expect(afterRotation({ ...rotated, hint: before }, before, [event])).toBeUndefined()
  expect(afterRotation(rotated, before, [renamed, another, event, older])?.rotation).toEqual(event)
  expect(afterRotation(rotated, before, [])).toEqual({ apiKey: rotated, rotation: undefined })
})
