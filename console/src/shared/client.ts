/** The GraphQL client: queries and mutations over HTTP, subscriptions over server-sent events. */
import { authExchange } from '@urql/exchange-auth'
import { createClient as createSseClient } from 'graphql-sse'
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from 'urql'
import { hasCode } from './errors'
import { signInAgain } from './session'

const url = '/graphql'

const http = {
  url,
  preferGetMethod: false,
  fetchOptions: { headers: { accept: 'application/graphql-response+json, application/json' } },
} as const

const sse = createSseClient({ url, singleConnection: false, retryAttempts: 0 })

/** When the session has ended, waits for a new sign-in, and then sends again what was refused. */
const waitForSession = authExchange(async () => ({
  addAuthToOperation: (operation) => operation,
  didAuthError: (error) => hasCode(error, 'UNAUTHENTICATED'),
  refreshAuth: signInAgain,
}))

export const client = new Client({
  ...http,
  exchanges: [
    cacheExchange,
    waitForSession,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (operation) => ({
        subscribe: (sink) => ({
          unsubscribe: sse.subscribe(
            { query: operation.query ?? '', variables: operation.variables as Record<string, unknown> },
            // biome-ignore lint/suspicious/noExplicitAny: the two libraries name one shape differently
            sink as any,
          ),
        }),
      }),
    }),
  ],
})

/** Only for signing in and out: it does not wait for a sign-in, and has no cache. */
export const signInClient = new Client({ ...http, exchanges: [fetchExchange] })
