/** The time ranges of the chart. The server keeps hours for 35 days and days for 2 years. */
import type { VariablesOf } from '../shared/graphql'
import type { SeriesQuery } from './operations'

export type Interval = VariablesOf<typeof SeriesQuery>['interval']

export interface Range {
  name: string
  label: string
  days: number
  /** How it can be divided, the usual way first. */
  intervals: readonly [Interval, ...Interval[]]
}

const day: Range = { name: '24h', label: '24 hours', days: 1, intervals: ['HOUR'] }
const week: Range = { name: '7d', label: '7 days', days: 7, intervals: ['HOUR', 'DAY'] }
const month: Range = { name: '30d', label: '30 days', days: 30, intervals: ['DAY', 'HOUR'] }
const year: Range = { name: '12m', label: '12 months', days: 365, intervals: ['DAY'] }
export const ranges = [day, week, month, year]

const milliseconds = { HOUR: 60 * 60 * 1000, DAY: 24 * 60 * 60 * 1000 }

/** The range and interval that an address names, or the defaults. */
export function chosen(name: string | null, by: string | null): { range: Range; interval: Interval } {
  const range = ranges.find((each) => each.name === name) ?? week
  const interval = range.intervals.find((each) => each.toLowerCase() === by) ?? range.intervals[0]
  return { range, interval }
}

/** Whole intervals, up to and including the current one, so that the query stays the same until the next one begins. */
export function bounds(range: Range, interval: Interval, now: number): { from: string; to: string } {
  const length = milliseconds[interval]
  const to = (Math.floor(now / length) + 1) * length
  return { from: iso(to - range.days * milliseconds.DAY), to: iso(to) }
}

function iso(instant: number): string {
  return new Date(instant).toISOString()
}
