// How GraphiQL asks this server: GraphQL over HTTP, and subscriptions as server-sent events.

import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit'
import { type DocumentNode, Kind, OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-sse'
import { NOWHERE, type Place } from './starters'

const ADDRESS = '/graphql'
const overHttp = createGraphiQLFetcher({ url: ADDRESS, enableIncrementalDelivery: false })
const overEvents = createClient({ url: ADDRESS, singleConnection: false, retryAttempts: 0 })

/** Both ways go in the signed-in session. */
export const fetcher: Fetcher = (asked, options) => {
  if (options?.documentAST && isSubscription(options.documentAST, asked.operationName)) {
    const { query, operationName, variables } = asked
    return overEvents.iterate({ query, operationName: operationName ?? undefined, variables })
  }
  return overHttp(asked, options)
}

function isSubscription(document: DocumentNode, name: string | null | undefined): boolean {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION)
  const asked = name ? operations.find((each) => each.name?.value === name) : operations[0]
  return asked?.operation === OperationTypeNode.SUBSCRIPTION
}

type PlaceAnswer = {
  data?: {
    viewer: { organizations: { id: string; viewerRole: string; apiKeys: { id: string }[] }[] } | null
  }
}

/** The first organization that the person is an admin of, with a key of it. */
export async function firstPlace(): Promise<Place> {
  const query = 'query Start { viewer { organizations { id viewerRole apiKeys { id } } } }'
  try {
    const response = await fetch(ADDRESS, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query }),
    })
    const { data }: PlaceAnswer = await response.json()
    const found = data?.viewer?.organizations.find((each) => each.viewerRole === 'ORGANIZATION_ADMIN')
    return found ? { organizationId: found.id, apiKeyId: found.apiKeys[0]?.id ?? NOWHERE.apiKeyId } : NOWHERE
  } catch {
    return NOWHERE
  }
}
