/** Types GraphQL operations by the schema that the server prints, schema/schema.graphql. */
import { initGraphQLTada } from 'gql.tada'
import type { introspection } from '../graphql-env'

export const graphql = initGraphQLTada<{
  introspection: introspection
  scalars: { DateTime: string; ID: string }
}>()

export type { FragmentOf, ResultOf, VariablesOf } from 'gql.tada'
export { readFragment } from 'gql.tada'
