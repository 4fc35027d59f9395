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

const noKeyOfOurs = 'Compare what the caller sends with the hint of the key.'

export const reasons: Record<Reason, Explanation> = {
  RATE_LIMITED: {
    code: 'rate_limited',
    status: 429,
    label: 'Over the rate limit',
    meaning: 'The key is good, but made as many requests in a minute as it may.',
    advice: 'Spread the requests, heed Retry-After, and give callers that share the key a key each.',
  },
  QUOTA_EXCEEDED: {
    code: 'quota_exceeded',
    status: 429,
    label: 'Over the quota',
    meaning: 'The key is good, but its requests of this month are used up.',
    advice: 'It works again when the quota resets. Until then, only the operator can set a higher one.',
  },
  AGENT_NOT_IN_SCOPE: {
    code: 'agent_not_in_scope',
    status: 403,
    label: 'Another agent',
    meaning: 'The key is good, but not for the agent that was called.',
    advice:
      'Call the agent that the key is for, or create a key for the other one. A scope can’t be changed.',
  },
  DELETED_KEY: {
    code: 'deleted_key',
    status: 401,
    label: 'Deleted key',
    meaning: 'Somebody still calls with this key, which was deleted.',
    advice: 'Find the caller by its address, and give it a new key.',
  },
  REPLACED_SECRET: {
    code: 'replaced_secret',
    status: 401,
    label: 'Old secret',
    meaning: 'The key was rotated, and this caller still sends the secret before.',
    advice: 'Find the caller by its address, and give it the new secret.',
  },
  MISSING_KEY: {
    code: 'missing_key',
    status: 401,
    label: 'No key',
    meaning: 'The request carried no key.',
    advice: 'Look whether the variable that should hold the key is empty where the caller runs.',
  },
  MALFORMED_KEY: {
    code: 'malformed_key',
    status: 401,
    label: 'Not a key',
    meaning: 'What was sent can’t be a key, by its form alone.',
    advice: noKeyOfOurs,
  },
  UNKNOWN_KEY: {
    code: 'invalid_key',
    status: 401,
    label: 'Unknown key',
    meaning: 'What was sent was not issued here as it stands.',
    advice: noKeyOfOurs,
  },
}

/** Each reason once, that of the newest refusal first. */
export function reasonsOf(refusals: readonly Refusal[]): Reason[] {
  return [...new Set(refusals.map((each) => each.reason))]
}
