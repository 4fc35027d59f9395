/** The GraphQL operations of the Agents page. */
import { graphql, type ResultOf } from '../shared/graphql'

const AgentFields = graphql(`
  fragment AgentFields on Agent @_unmask {
    id
    name
    deletedAt
    viewerCanManage
    admins { id name }
    livingKeys
    callsLastDay
  }
`)

export type Agent = ResultOf<typeof AgentFields>

export const AgentsQuery = graphql(
  `
  query Agents($organizationId: ID!) {
    organization(id: $organizationId) {
      id
      agents { ...AgentFields }
    }
  }
`,
  [AgentFields],
)

/** What goes along when the agent is deleted. */
export const KeysOfAgentQuery = graphql(`
  query KeysOfAgent($organizationId: ID!, $agentId: ID!) {
    organization(id: $organizationId) {
      id
      apiKeys(agentId: $agentId) { id name hint lastUsedAt }
    }
  }
`)

export const CreateAgent = graphql(
  `
  mutation CreateAgent($input: CreateAgentInput!) {
    createAgent(input: $input) {
      __typename
      ... on Agent { ...AgentFields }
      ... on InvalidInput { field message }
    }
  }
`,
  [AgentFields],
)

export const RenameAgent = graphql(
  `
  mutation RenameAgent($input: RenameAgentInput!) {
    renameAgent(input: $input) {
      __typename
      ... on Agent { ...AgentFields }
      ... on InvalidInput { field message }
      ... on AgentNotFound { message }
    }
  }
`,
  [AgentFields],
)

export const DeleteAgent = graphql(`
  mutation DeleteAgent($input: DeleteAgentInput!) {
    deleteAgent(input: $input) {
      __typename
      ... on AgentDeleted { agent { id name } deletedKeys { id name } keyAllowance { used limit remaining } }
      ... on AgentNotFound { message }
    }
  }
`)

/** Named because the cache can't see that an empty list now has an agent, and because keys go with their agent. */
export const aboutAgents = { additionalTypenames: ['Agent', 'ApiKey', 'KeyAllowance'] }
