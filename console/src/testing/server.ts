/** A server for component tests: it answers by the committed schema, and loses or holds back an answer when told to. */
import { buildSchema, GraphQLError, graphql } from 'graphql'
import { vi } from 'vitest'
import sdl from '../../../schema/schema.graphql?raw'

const schema = buildSchema(sdl)

// biome-ignore lint/suspicious/noExplicitAny: each field has arguments of its own
export type Fields = Record<string, (args: any) => unknown>

export interface TestServer {
  /** The variables of what was sent, by the name of the operation. */
  sent: (operation: string) => unknown[]
  /** Answers from now on by these fields, too. */
  answer: (fields: Fields) => void
  /** Carries out what is sent, and loses the answers: the connection breaks. */
  loseAnswers: (lost: boolean) => void
  /** Keeps back every answer until the function that it returns is called. */
  hold: () => () => void
}

/** Takes the place of the network until the test is over. */
export function startServer(fields: Fields): TestServer {
  const rootValue = { ...fields }
  const received: { operation: string; variables: unknown }[] = []
  let gate = Promise.resolve()
  let isLosing = false

  vi.stubGlobal('fetch', async (_: unknown, { body }: { body: string }) => {
    const { operationName, query, variables } = JSON.parse(body)
    received.push({ operation: operationName, variables })
    const result = await graphql({ schema, rootValue, source: query, variableValues: variables })
    await gate
    if (isLosing) throw new TypeError('Failed to fetch')
    return Response.json(result)
  })

  return {
    sent: (name) => received.filter(({ operation }) => operation === name).map(({ variables }) => variables),
    answer: (more) => Object.assign(rootValue, more),
    loseAnswers: (lost) => {
      isLosing = lost
    },
    hold: () => {
      let release = () => {}
      gate = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
  }
}

/** What the server throws where something is not allowed, not there, or asked for too often. */
export function coded(code: string, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, requestId: 'req_test' } })
}
