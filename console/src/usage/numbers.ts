/** Formats numbers and intervals. */
import type { Interval } from './ranges'

export function grouped(count: number): string {
  return count.toLocaleString('en')
}

export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

const compact = new Intl.NumberFormat('en', { notation: 'compact' })

/** *12K*, where there is little room. */
export function short(count: number): string {
  return compact.format(count)
}

const toTheSecond = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** To the second, so that requests of the same minute differ. */
export function clock(instant: string): string {
  return toTheSecond.format(new Date(instant))
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' })
const hour = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
const hourUtc = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

/** An hour in the person's own time zone. Days are counted in UTC, and shown so. */
export function intervalName(start: string, interval: Interval): string {
  const at = new Date(start)
  return interval === 'DAY' ? `${day.format(at)}, UTC` : hour.format(at)
}

/** The same hour in UTC, to compare with logs. */
export function inUtc(start: string): string {
  return `${hourUtc.format(new Date(start))} UTC`
}
