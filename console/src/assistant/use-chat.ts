/** The state of the conversation that is shown: its messages, the question that is being answered, and what went wrong. */
import { useCallback, useRef, useState } from 'react'
import { type CombinedError, useClient } from 'urql'
import { useOrganization } from '../shared/viewer'
import { ask, newQuestionId, type Question, type Refused } from './ask'
import { type Answer, ConversationQuery, type Message, pageOfMessages, type Ticket } from './operations'

/** A message as it is shown. Without `message`, it is not stored yet. */
export interface Entry {
  key: string
  author: Message['author']
  text: string
  message?: Message
}

export interface Conversation {
  id: string
  title: string
  startedAt: string
  ticket: Ticket | null
}

interface Pending {
  question: Question
  /** The part of the answer that has arrived. */
  text: string
  error?: CombinedError
}

interface Chat {
  conversation?: Conversation
  entries: Entry[]
  hasEarlier: boolean
  pending?: Pending
  /** Why the last question was not accepted. The person can change its text. */
  refused?: Refused
}

const nothingSaid: Chat = { entries: [], hasEarlier: false }

export interface About {
  apiKeyId?: string
  requestId?: string
  suggestionId?: string
}

export function useChat(onTakenBack: (text: string) => void) {
  const client = useClient()
  const { id: organizationId } = useOrganization()
  const [chat, setChat] = useState<Chat>(nothingSaid)
  const asking = useRef(false)

  const put = useCallback(
    async (question: Question) => {
      if (asking.current) return
      asking.current = true
      setChat((now) => ({ ...now, pending: { question, text: '' }, refused: undefined }))
      const outcome = await ask(client, question, (text) =>
        setChat((now) => ({ ...now, pending: { question, text } })),
      )
      asking.current = false
      if ('answer' in outcome) setChat((now) => answered(now, question, outcome.answer))
      else if ('error' in outcome) {
        setChat((now) => ({ ...now, pending: { question, text: '', error: outcome.error } }))
      } else {
        setChat((now) => ({ ...now, pending: undefined, refused: outcome.refused }))
        onTakenBack(question.message)
      }
    },
    [client, onTakenBack],
  )

  const { conversation, entries, pending } = chat
  const conversationId = conversation?.id

  const send = (message: string, about: About = {}) =>
    put({ organizationId, conversationId, clientMessageId: newQuestionId(), message, ...about })

  const tryAgain = () => pending && put(pending.question)

  /** Gives the text of a failed question back to the person, who can change it or send it later. */
  function takeBack() {
    if (!pending?.error) return
    onTakenBack(pending.question.message)
    setChat((now) => ({ ...now, pending: undefined }))
  }

  function begin() {
    takeBack()
    setChat(nothingSaid)
  }

  /** Returns what went wrong, if anything. */
  async function open(id: string): Promise<CombinedError | undefined> {
    const variables = { id, last: pageOfMessages }
    const { data, error } = await client
      .query(ConversationQuery, variables, { requestPolicy: 'network-only' })
      .toPromise()
    if (!data) return error
    takeBack()
    const found = data.conversation
    if (!found)
      setChat(nothingSaid) // it has been deleted since, because it was old
    else {
      const { messages, ...opened } = found
      setChat({
        conversation: opened,
        entries: messages.map(stored),
        hasEarlier: messages.length === pageOfMessages,
      })
    }
    return undefined
  }

  async function readEarlier(): Promise<CombinedError | undefined> {
    const before = entries.find((each) => each.message)?.message?.id
    if (!conversationId || !before) return undefined
    const variables = { id: conversationId, last: pageOfMessages, before }
    const { data, error } = await client
      .query(ConversationQuery, variables, { requestPolicy: 'network-only' })
      .toPromise()
    if (!data) return error
    const messages = data.conversation?.messages ?? []
    setChat((now) => ({
      ...now,
      entries: [...messages.map(stored), ...now.entries],
      hasEarlier: messages.length === pageOfMessages,
    }))
    return undefined
  }

  const rated = (messageId: string, helpful: boolean) =>
    setChat((now) => ({
      ...now,
      entries: now.entries.map((each) =>
        each.message?.id === messageId ? { ...each, message: { ...each.message, helpful } } : each,
      ),
    }))

  const handedOver = useCallback(
    (ticket: Ticket) =>
      setChat((now) => (now.conversation ? { ...now, conversation: { ...now.conversation, ticket } } : now)),
    [],
  )

  return {
    conversation,
    entries: [...entries, ...(pending ? beingSaid(pending) : [])],
    hasEarlier: chat.hasEarlier,
    isAsking: pending !== undefined && !pending.error,
    error: pending?.error,
    refused: chat.refused,
    send,
    tryAgain,
    takeBack,
    begin,
    open,
    readEarlier,
    rated,
    handedOver,
  }
}

function answered(now: Chat, question: Question, { conversation }: Answer): Chat {
  const { messages, ...about } = conversation
  const said = messages.map((message) => ({
    ...stored(message),
    // The same key as before it was stored, so that a screen reader does not read the person's message again.
    key: keyOf(question, message.author),
  }))
  return { ...now, conversation: about, entries: [...now.entries, ...said], pending: undefined }
}

function beingSaid({ question, text }: Pending): Entry[] {
  const person: Entry = { key: keyOf(question, 'PERSON'), author: 'PERSON', text: question.message }
  if (!text) return [person]
  return [person, { key: keyOf(question, 'ASSISTANT'), author: 'ASSISTANT', text }]
}

function stored(message: Message): Entry {
  return { key: message.id, author: message.author, text: message.text, message }
}

function keyOf({ clientMessageId }: Question, author: Message['author']): string {
  return `${clientMessageId} ${author}`
}
