/** The GraphQL operations of the audit log. */
import { graphql, type ResultOf } from '../shared/graphql'

export const AuditLogQuery = graphql(`
  query AuditLog($organizationId: ID!, $after: String) {
    organization(id: $organizationId) {
      id
      auditLog(first: 50, after: $after) {
        edges {
          node {
            id
            action
            at
            actor { id name email }
            actorName
            ipAddress
            apiKey { id name deletedAt }
            summary
          }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`)

type Organization = NonNullable<ResultOf<typeof AuditLogQuery>['organization']>
export type AuditEvent = Organization['auditLog']['edges'][number]['node']

/** Every change of a key adds an event, so the list is read again after one. */
export const aboutEvents = { additionalTypenames: ['ApiKey', 'AuditEvent'] }
