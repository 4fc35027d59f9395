import { CombinedError } from 'urql'
import { expect, test } from 'vitest'
import { isUncertain, problem } from './errors'

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
  ['RATE_LIMITED', 'Try again in 7 seconds.'],
  ['UNAUTHENTICATED', 'Sign in'],
  ['INTERNAL_SERVER_ERROR', 'Something went wrong'],
])('%s is a sentence with the request id', (code, sentence) => {
  const extensions = { code, requestId: 'req_1', retryAfterSeconds: 7 }
  const error = new CombinedError({ graphQLErrors: [{ message: 'The server says no.', extensions }] })

  expect(problem(error).sentence).toContain(sentence)
  expect(problem(error).requestId).toBe('req_1')
})
