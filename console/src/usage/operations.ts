/** The GraphQL operations of the Usage page. */
import { ApiKeyFields } from '../api-keys/operations'
import { graphql, type ResultOf } from '../shared/graphql'

export const UsageQuery = graphql(
  `
  query Usage($id: ID!, $refusals: Int!) {
    apiKey(id: $id) {
      ...ApiKeyFields
      usage {
        rateLimit { limit windowSeconds remaining resetsAt }
        quota { limit used remaining periodStart periodEnd }
        callers(first: 20) { ipAddress userAgent firstSeenAt lastSeenAt requests }
        refusals(first: $refusals) { id reason at ipAddress userAgent agent { id name } }
      }
    }
  }
`,
  [ApiKeyFields],
)

export type UsageOfKey = NonNullable<NonNullable<ResultOf<typeof UsageQuery>['apiKey']>['usage']>
export type Caller = UsageOfKey['callers'][number]
export type Refusal = UsageOfKey['refusals'][number]

/** A query of its own, so that choosing another time does not read the rest again. */
export const SeriesQuery = graphql(`
  query UsageSeries($id: ID!, $from: DateTime!, $to: DateTime!, $interval: UsageInterval!) {
    apiKey(id: $id) {
      id
      usage {
        series(from: $from, to: $to, interval: $interval) { start allowed rateLimited quotaExceeded refused }
      }
    }
  }
`)

export type Point = NonNullable<
  NonNullable<ResultOf<typeof SeriesQuery>['apiKey']>['usage']
>['series'][number]
