/** Talks to `/graphql`: queries and mutations over HTTP, subscriptions over server-sent events. */
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

/** Waits for a new sign-in when the session ended, and then does again what was refused. */
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

/** For signing in, which must not wait for itself, and leaves nothing in the cache. */
export const signInClient = new Client({ ...http, exchanges: [fetchExchange] })
