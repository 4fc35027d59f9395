import { CombinedError } from 'urql'
import { expect, test } from 'vitest'
import { isUncertain } from './errors'

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
