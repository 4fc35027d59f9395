import { CombinedError } from 'urql'
import { expect, test } from 'vitest'
import { inSeconds, isUncertain, problem } from './errors'

const coded = (code: string) => new CombinedError({ graphQLErrors: [{ message: '', extensions: { code } }] })

test('A mutation without an answer may have been done; one that was refused was not', () => {
  const uncertain = [
    new CombinedError({ networkError: new Error('cut off') }),
    new CombinedError({ networkError: new Error('Bad Gateway'), response: { status: 502 } }),
    coded('INTERNAL_SERVER_ERROR'),
    new CombinedError({ graphQLErrors: [] }),
  ]
  const refused = ['FORBIDDEN', 'RATE_LIMITED', 'NOT_FOUND', 'BAD_USER_INPUT', 'UNAUTHENTICATED'].map(coded)

  expect(uncertain.map(isUncertain)).toEqual([true, true, true, true])
  expect(refused.map(isUncertain)).toEqual([false, false, false, false, false])
})

test.each([
  ['FORBIDDEN', 'The server says no.'],
  ['NOT_FOUND', 'The server says no.'],
  ['BAD_USER_INPUT', 'The server says no.'],
  ['RATE_LIMITED', 'The server says no. Try again in 7 seconds.'],
  ['UNAUTHENTICATED', 'Sign in'],
  ['INTERNAL_SERVER_ERROR', 'Something went wrong'],
])('%s is a sentence with the request id', (code, sentence) => {
  const extensions = { code, requestId: 'req_1', retryAfterSeconds: 7 }
  const error = new CombinedError({ graphQLErrors: [{ message: 'The server says no.', extensions }] })

  expect(problem(error).sentence).toContain(sentence)
  expect(problem(error).requestId).toBe('req_1')
})

test.each([
  [1, 'in a second'],
  [90, 'in 90 seconds'],
  [150, 'in 3 minutes'],
  [7199, 'in 2 hours'],
  [86_400, 'in 24 hours'],
  [undefined, 'in a moment'],
])('A wait of %s seconds is said in a unit that people can use: %s', (seconds, said) => {
  expect(inSeconds(seconds)).toBe(said)
})

test.each([
  [
    'You have asked for 20 keys within a day.',
    'You have asked for 20 keys within a day. Try again in 7 seconds.',
  ],
  [
    'Too many streams are open. Try again in a few seconds.',
    'Too many streams are open. Try again in 7 seconds.',
  ],
  ['Too many from here. Wait a little, then try again.', 'Too many from here. Try again in 7 seconds.'],
  ['', 'Too many requests. Try again in 7 seconds.'],
])('When to try again is said once: %s', (message, sentence) => {
  const extensions = { code: 'RATE_LIMITED', retryAfterSeconds: 7 }
  const error = new CombinedError({ graphQLErrors: [{ message, extensions }] })

  expect(problem(error).sentence).toBe(sentence)
})
