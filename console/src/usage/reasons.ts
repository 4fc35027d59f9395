/** Why a request was refused, and what to do about it. Codes and statuses: a test compares them with keys/outcomes.py. */
import type { Refusal } from './operations'

export type Reason = Refusal['reason']

interface Explanation {
  /** The code that the caller was answered; docs/errors.md has a section of its name. */
  code: string
  /** The status that the caller was answered. */
  status: 401 | 403 | 429
  label: string
  meaning: string
  advice: string
}

const compareWithHint = 'Compare what the caller sends with the key’s hint.'

export const reasons: Record<Reason, Explanation> = {
  RATE_LIMITED: {
    code: 'rate_limited',
    status: 429,
    label: 'Over the rate limit',
    meaning: 'The key works, but made more requests in a minute than its rate limit allows.',
    advice: 'Spread the requests, wait as long as Retry-After says, and give each caller its own key.',
  },
  QUOTA_EXCEEDED: {
    code: 'quota_exceeded',
    status: 429,
    label: 'Over the quota',
    meaning: 'The key works, but its quota for this month is used up.',
    advice: 'It works again when the quota resets. Until then, only the operator can set a higher one.',
  },
  AGENT_NOT_IN_SCOPE: {
    code: 'agent_not_in_scope',
    status: 403,
    label: 'Another agent',
    meaning: 'The key works, but not for the agent that was called.',
    advice:
      'Call the agent that the key is for, or create a key for the other agent. A scope can’t be changed.',
  },
  DELETED_KEY: {
    code: 'deleted_key',
    status: 401,
    label: 'Deleted key',
    meaning: 'A caller still uses this key, which was deleted.',
    advice: 'Find the caller by its address, and give it a new key.',
  },
  REPLACED_SECRET: {
    code: 'replaced_secret',
    status: 401,
    label: 'Old secret',
    meaning: 'The key was rotated, and this caller still sends the old secret.',
    advice: 'Find the caller by its address, and give it the new secret.',
  },
  MISSING_KEY: {
    code: 'missing_key',
    status: 401,
    label: 'No key',
    meaning: 'The request contained no key.',
    advice: 'Check whether the variable that should hold the key is empty where the caller runs.',
  },
  MALFORMED_KEY: {
    code: 'malformed_key',
    status: 401,
    label: 'Malformed key',
    meaning: 'The text that was sent does not have the form of a key.',
    advice: compareWithHint,
  },
  UNKNOWN_KEY: {
    code: 'invalid_key',
    status: 401,
    label: 'Unknown key',
    meaning: 'The key that was sent was not issued here.',
    advice: compareWithHint,
  },
}

/** Each reason once, that of the newest refusal first. */
export function reasonsOf(refusals: readonly Refusal[]): Reason[] {
  return [...new Set(refusals.map((each) => each.reason))]
}
