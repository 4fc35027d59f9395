/** The outcomes of requests, in the order in which the chart stacks them. */
import type { Point } from './operations'

export const outcomes = [
  { name: 'allowed', label: 'Allowed', color: 'indigo.5' },
  { name: 'rateLimited', label: 'Over the rate limit', color: 'yellow.6' },
  { name: 'quotaExceeded', label: 'Over the quota', color: 'grape.6' },
  { name: 'refused', label: 'Refused (401, 403)', color: 'red.7' },
] as const

export type Outcome = (typeof outcomes)[number]['name']

export function total(points: readonly Point[], outcome: Outcome): number {
  return points.reduce((sum, point) => sum + point[outcome], 0)
}

/** The intervals with requests, the newest first. */
export function eventful(points: readonly Point[]): Point[] {
  return points.filter((point) => outcomes.some(({ name }) => point[name] > 0)).reverse()
}
