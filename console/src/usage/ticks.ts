/** The ticks of the chart's time axis: hours of a day, days of a week or month, months of a year. */
import type { Point } from './operations'
import type { Interval, Range } from './ranges'

const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' })
const localDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const month = new Intl.DateTimeFormat('en-GB', { month: 'short', timeZone: 'UTC' })

export function tickName(start: string, interval: Interval, range: Range): string {
  const at = new Date(start)
  if (interval === 'HOUR') return range.days <= 1 ? time.format(at) : localDay.format(at)
  return range.days > 31 ? month.format(at) : day.format(at)
}

export function ticks(points: readonly Point[], interval: Interval, range: Range): string[] {
  const starts = points.map(({ start }) => start)
  if (interval === 'HOUR' && range.days > 1) return starts.filter((each) => new Date(each).getHours() === 0)
  if (interval === 'DAY' && range.days > 31) return starts.filter((each) => new Date(each).getUTCDate() === 1)
  return starts
}
