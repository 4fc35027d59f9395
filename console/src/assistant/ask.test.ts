import { buildSchema, execute, GraphQLError, graphql, parse, subscribe, validate } from 'graphql'
import { createClient } from 'graphql-sse'
import { createHandler } from 'graphql-sse/lib/use/fetch'
import { Client, fetchExchange, subscriptionExchange } from 'urql'
import { expect, test } from 'vitest'
import sdl from '../../../schema/schema.graphql?raw'
import { ask, newQuestionId, type Outcome, type Question } from './ask'

const url = 'http://127.0.0.1/graphql'
const message = { id: 'msg_2', author: 'ASSISTANT', text: 'No, they do not.', at: '2026-11-28T09:00:00Z' }
const lists = { citations: [], actions: [], suggestedReplies: [] }
const answer = {
  __typename: 'AssistantAnswer',
  conversation: {
    id: 'cnv_1',
    title: 'Do keys expire?',
    startedAt: '2026-11-28T09:00:00Z',
    messages: [{ ...message, ...lists }],
  },
}

interface Server {
  assistantAnswer: (args: { input: Question }) => AsyncIterable<unknown>
  askAssistant?: (args: { input: Question }) => unknown
  /** What the network does to a stream. */
  passOn?: (response: Response) => Response
}

/** A client of the committed schema, over HTTP and server-sent events, with all of both but the sockets. */
function clientOf({ assistantAnswer, askAssistant, passOn = (response) => response }: Server) {
  const schema = buildSchema(sdl)
  const asked: string[] = []
  const rootValue = {
    assistantAnswer: async function* (args: { input: Question }) {
      asked.push(`stream ${args.input.clientMessageId}`)
      for await (const event of assistantAnswer(args)) yield { assistantAnswer: event }
    },
    askAssistant: (args: { input: Question }) => {
      asked.push(`whole ${args.input.clientMessageId}`)
      return askAssistant?.(args)
    },
  }
  const stream = createHandler({
    // The same copy of graphql as the schema's: the bundler's and the library's own may be two.
    validate,
    execute,
    subscribe,
    onSubscribe: (_, { query, variables }) => ({
      schema,
      rootValue,
      document: parse(query),
      variableValues: variables,
      contextValue: undefined,
    }),
  })
  const sse = createClient({
    url,
    retryAttempts: 0,
    fetchFn: async (address: string, init: RequestInit) => passOn(await stream(new Request(address, init))),
  })
  const client = new Client({
    url,
    preferGetMethod: false,
    fetch: async (_, init) => {
      const { query, variables } = JSON.parse(String(init?.body))
      return Response.json(await graphql({ schema, rootValue, source: query, variableValues: variables }))
    },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            // biome-ignore lint/suspicious/noExplicitAny: the two libraries name one shape differently
            unsubscribe: sse.subscribe({ query: query ?? '', variables: variables as any }, sink as any),
          }),
        }),
      }),
    ],
  })
  return { client, asked }
}

function question(): Question {
  return { organizationId: 'org_1', message: 'Do keys expire?', clientMessageId: newQuestionId() }
}

function textOf(outcome: Outcome) {
  return 'answer' in outcome ? outcome.answer.conversation.messages[0]?.text : outcome
}

async function* chunks() {
  yield { __typename: 'AssistantTextChunk', conversationId: 'cnv_1', text: 'No, ' }
  yield { __typename: 'AssistantTextChunk', conversationId: 'cnv_1', text: 'they do not.' }
}

test('an answer is shown as it is written, and is asked for once', async () => {
  const { client, asked } = clientOf({
    async *assistantAnswer() {
      yield* chunks()
      yield answer
    },
  })
  const shown: string[] = []
  const asking = question()

  const outcome = await ask(client, asking, (text) => shown.push(text))

  expect(shown).toEqual(['No, ', 'No, they do not.'])
  expect(textOf(outcome)).toBe('No, they do not.')
  expect(asked).toEqual([`stream ${asking.clientMessageId}`])
})

test('a stream that is held back is asked for whole, under the same id, and no stream is tried again', async () => {
  const { client, asked } = clientOf({
    // It never comes.
    assistantAnswer: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    askAssistant: () => answer,
  })
  const [first, second] = [question(), question()]

  const outcomes = [await ask(client, first, () => {}, 20), await ask(client, second, () => {}, 20)]

  expect(outcomes.map(textOf)).toEqual(['No, they do not.', 'No, they do not.'])
  expect(asked).toEqual([
    `stream ${first.clientMessageId}`,
    `whole ${first.clientMessageId}`,
    `whole ${second.clientMessageId}`,
  ])
})

test('a stream that breaks is asked for whole, under the same id', async () => {
  const { client, asked } = clientOf({
    assistantAnswer: chunks,
    askAssistant: () => answer,
    passOn: () => new Response('bad gateway', { status: 502 }),
  })

  const outcome = await ask(client, question(), () => {})

  expect(textOf(outcome)).toBe('No, they do not.')
  expect(asked.at(-1)).toMatch(/^whole /)
})

test('a message that is none is refused, not asked again', async () => {
  const refusal = { __typename: 'InvalidInput', field: 'message', message: 'Write a message.' }
  const { client, asked } = clientOf({
    async *assistantAnswer() {
      yield refusal
    },
  })

  const outcome = await ask(client, question(), () => {})

  expect(outcome).toMatchObject({ refused: { field: 'message', message: 'Write a message.' } })
  expect(asked).toHaveLength(1)
})

test('who asks too often is told when to go on, and is not asked for again', async () => {
  const { client, asked } = clientOf({
    async *assistantAnswer() {
      yield new GraphQLError('too often', { extensions: { code: 'RATE_LIMITED', retryAfterSeconds: 7 } })
    },
  })

  const outcome = await ask(client, question(), () => {})

  expect('error' in outcome && outcome.error.graphQLErrors[0]?.extensions).toMatchObject({
    code: 'RATE_LIMITED',
    retryAfterSeconds: 7,
  })
  expect(asked).toHaveLength(1)
})
