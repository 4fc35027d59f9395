/** Writes instants the way people say them. */
import dayjs from 'dayjs'
import relativeTime from 'dayjs/plugin/relativeTime'

dayjs.extend(relativeTime)

/** *3 minutes ago*. An instant of a server clock that is a little ahead is *just now*. */
export function ago(instant: string, now: number = Date.now()): string {
  const at = dayjs(instant)
  return at.valueOf() > now - 10_000 ? 'just now' : at.from(dayjs(now))
}

/** *in 5 hours*. */
export function ahead(instant: string, now: number = Date.now()): string {
  return dayjs(instant).from(dayjs(now))
}

/** The instant to the second, in the person's own time zone, which it names. */
export function exact(instant: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    dateStyle: 'medium',
    timeStyle: 'long',
  }).format(new Date(instant))
}

/** The instant to the minute, written out: *7 December 2026 at 19:50 UTC*. */
export function until(instant: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  }).format(new Date(instant))
}
