/** Asks one question: streamed where a stream gets through, else with one request. Either way, it has one answer. */
import type { Client, CombinedError } from 'urql'
import { noAnswer } from '../shared/errors'
import type { VariablesOf } from '../shared/graphql'
import { type Answer, AskAssistant, AssistantAnswer } from './operations'

export type Question = VariablesOf<typeof AskAssistant>['input'] & { clientMessageId: string }

export interface Refused {
  field: string
  message: string
}

export type Outcome = { answer: Answer } | { refused: Refused } | { error: CombinedError }

/** How long to wait for a stream: a proxy that collects it first looks like one that lost it. */
export const silenceMilliseconds = 6000

/** Clients whose streams were held back once: their questions are not streamed again. */
const heldBack = new WeakSet<Client>()

/** Calls `onText` with the answer as far as it is written. The id of the question makes asking twice harmless. */
export async function ask(
  client: Client,
  question: Question,
  onText: (text: string) => void,
  silence = silenceMilliseconds,
): Promise<Outcome> {
  const answered = heldBack.has(client) ? undefined : await streamed(client, question, onText, silence)
  return answered ?? whole(client, question)
}

/** Undefined where the stream broke, was cut short or held back. */
function streamed(
  client: Client,
  input: Question,
  onText: (text: string) => void,
  silence: number,
): Promise<Outcome | undefined> {
  return new Promise((resolve) => {
    let text = ''
    let timer = setTimeout(silent, silence)
    const { unsubscribe } = client.subscription(AssistantAnswer, { input }).subscribe(({ data, error }) => {
      clearTimeout(timer)
      const event = data?.assistantAnswer
      if (event?.__typename === 'AssistantTextChunk') {
        text += event.text
        onText(text)
        timer = setTimeout(silent, silence)
      } else if (event?.__typename === 'AssistantAnswer') end({ answer: event })
      else if (event) end({ refused: event })
      else end(error && !error.networkError ? { error } : undefined)
    })

    function silent() {
      heldBack.add(client)
      end()
    }

    function end(outcome?: Outcome) {
      clearTimeout(timer)
      // Later, because the subscription may not be complete while its first event is handled.
      queueMicrotask(() => unsubscribe())
      resolve(outcome)
    }
  })
}

async function whole(client: Client, input: Question): Promise<Outcome> {
  const { data, error } = await client.mutation(AskAssistant, { input }).toPromise()
  const result = data?.askAssistant
  if (result?.__typename === 'AssistantAnswer') return { answer: result }
  if (result) return { refused: result }
  return { error: error ?? noAnswer() }
}

/** It need not be unguessable, only new for this person. Works over plain HTTP, too. */
export function newQuestionId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}
