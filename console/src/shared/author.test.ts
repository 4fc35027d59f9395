import { expect, test } from 'vitest'
import { author, authorOfEvent, capitalized } from './author'

const nora = { name: 'Nora' }

test('Who did it is a person, a program by its token, or the operator', () => {
  expect([author(nora, null), author(null, 'deploy-bot'), author(null, null)]).toEqual([
    'Nora',
    'the token deploy-bot',
    'the operator',
  ])
  expect(authorOfEvent({ actor: nora, actorName: 'Nora' })).toBe('Nora')
  expect(authorOfEvent({ actor: null, actorName: 'Token deploy-bot' })).toBe('Token deploy-bot')
  expect(authorOfEvent({ actor: null, actorName: 'Operator' })).toBe('the operator')
  expect(capitalized('the operator')).toBe('The operator')
})
