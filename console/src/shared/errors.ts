/** Turns an error into a sentence that says what happened and what to do. */
import { CombinedError } from 'urql'
import { brand } from './brand'

export type Code =
  | 'UNAUTHENTICATED'
  | 'PASSWORD_CHANGE_REQUIRED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'TOO_COMPLEX'
  | 'RATE_LIMITED'
  | 'BAD_USER_INPUT'
  | 'INTERNAL_SERVER_ERROR'

export function hasCode(error: CombinedError | undefined, code: Code): boolean {
  return error?.graphQLErrors.some((each) => each.extensions.code === code) ?? false
}

/**
 * Whether a mutation may have been carried out although it has no answer: the connection broke, something in front of
 * Keydesk answered instead, or Keydesk failed on the way. Every other error is a refusal before anything was changed.
 */
export function isUncertain(error: CombinedError): boolean {
  return (
    error.networkError !== undefined ||
    error.graphQLErrors.length === 0 ||
    hasCode(error, 'INTERNAL_SERVER_ERROR')
  )
}

/** For the rare result that has neither data nor an error. */
export function noAnswer(): CombinedError {
  return new CombinedError({ networkError: new Error('no answer') })
}

export interface Problem {
  sentence: string
  requestId?: string
}

export function problem(error: CombinedError): Problem {
  if (error.networkError) {
    if (!navigator.onLine) return { sentence: 'You are offline.' }
    const status: unknown = error.response?.status
    return typeof status === 'number' && status >= 400
      ? {
          sentence: `${brand.name} can’t be reached right now: a server in front of it answered with HTTP ${status}.`,
        }
      : { sentence: `${brand.name} can’t be reached right now.` }
  }
  const first = error.graphQLErrors[0]
  const extensions = first?.extensions ?? {}
  const requestId = typeof extensions.requestId === 'string' ? extensions.requestId : undefined
  switch (extensions.code as Code | undefined) {
    case 'RATE_LIMITED':
      return {
        sentence: `${reasonOf(first?.message)} Try again ${inSeconds(extensions.retryAfterSeconds)}.`,
        requestId,
      }
    case 'UNAUTHENTICATED':
      return { sentence: 'You are signed out. Sign in and try again.', requestId }
    case 'FORBIDDEN':
      return { sentence: first?.message || 'Your role does not allow this.', requestId }
    case 'NOT_FOUND':
      return {
        sentence: first?.message || 'This does not exist, or you are not allowed to see it.',
        requestId,
      }
    case 'BAD_USER_INPUT':
      return { sentence: first?.message || 'Something that you entered is not valid.', requestId }
    default:
      return { sentence: 'Something went wrong on our side.', requestId }
  }
}

/** The server's own sentence, without an end that says to try again: the console says when. */
function reasonOf(message: string | undefined): string {
  return message?.replace(/ (Try again|Wait a little, then try again)[^.]*\.$/, '') || 'Too many requests.'
}

/** Why an answer did not arrive. */
export function lossReason(error: CombinedError): Problem {
  if (!error.networkError || !navigator.onLine) return problem(error)
  const status: unknown = error.response?.status
  return typeof status === 'number' && status >= 400
    ? { sentence: `A server in front of ${brand.name} answered with HTTP ${status}.` }
    : { sentence: 'The connection broke.' }
}

export function inSeconds(seconds: unknown): string {
  if (typeof seconds !== 'number') return 'in a moment'
  if (seconds < 2) return 'in a second'
  if (seconds < 120) return `in ${Math.ceil(seconds)} seconds`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 120 ? `in ${minutes} minutes` : `in ${Math.ceil(minutes / 60)} hours`
}
