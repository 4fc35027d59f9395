/** The GraphQL operations of the assistant's chat. */
import { graphql, type ResultOf } from '../shared/graphql'

export const TicketFields = graphql(`
  fragment TicketFields on SupportTicket @_unmask {
    id
    createdAt
    sentTo
    sentAt
  }
`)

export const MessageFields = graphql(`
  fragment MessageFields on Message @_unmask {
    id
    author
    text
    at
    language
    languageNote
    diagnosis {
      case
      summary
      evidence { label value at }
      steps
      reading
    }
    citations { title url }
    actions { kind label apiKey { id } }
    suggestedReplies { id label message }
    helpful
  }
`)

export type Message = ResultOf<typeof MessageFields>
export type Ticket = ResultOf<typeof TicketFields>
export type Diagnosis = NonNullable<Message['diagnosis']>
export type Evidence = Diagnosis['evidence'][number]
export type Action = Message['actions'][number]

export const pageOfMessages = 50
export const pageOfConversations = 20

/** The question is read with the answer, as it was stored: without the keys that were pasted into it. */
const AnswerFields = graphql(
  `
  fragment AnswerFields on AssistantAnswer @_unmask {
    conversation {
      id
      title
      startedAt
      messages(last: 2) { ...MessageFields }
      ticket { ...TicketFields }
    }
  }
`,
  [MessageFields, TicketFields],
)

export type Answer = ResultOf<typeof AnswerFields>

export const AssistantAnswer = graphql(
  `
  subscription AssistantAnswer($input: AskAssistantInput!) {
    assistantAnswer(input: $input) {
      __typename
      ... on AssistantTextChunk { conversationId text }
      ... on AssistantAnswer { ...AnswerFields }
      ... on InvalidInput { field message }
    }
  }
`,
  [AnswerFields],
)

export const AskAssistant = graphql(
  `
  mutation AskAssistant($input: AskAssistantInput!) {
    askAssistant(input: $input) {
      __typename
      ... on AssistantAnswer { ...AnswerFields }
      ... on InvalidInput { field message }
    }
  }
`,
  [AnswerFields],
)

export const StartersQuery = graphql(`
  query AssistantStarters($organizationId: ID!, $language: String) {
    organization(id: $organizationId) {
      id
      assistantStarters(language: $language) { id label message }
    }
  }
`)

export const ConversationsQuery = graphql(`
  query Conversations($organizationId: ID!, $first: Int!, $before: ID) {
    organization(id: $organizationId) {
      id
      conversations(first: $first, before: $before) { id title startedAt }
    }
  }
`)

export type ConversationEntry = NonNullable<
  ResultOf<typeof ConversationsQuery>['organization']
>['conversations'][number]

export const ConversationQuery = graphql(
  `
  query Conversation($id: ID!, $last: Int!, $before: ID) {
    conversation(id: $id) {
      id
      title
      startedAt
      messages(last: $last, before: $before) { ...MessageFields }
      ticket { ...TicketFields }
    }
  }
`,
  [MessageFields, TicketFields],
)

export const TicketQuery = graphql(
  `
  query Ticket($conversationId: ID!) {
    conversation(id: $conversationId) {
      id
      ticket { ...TicketFields }
    }
  }
`,
  [TicketFields],
)

export const RateMessage = graphql(`
  mutation RateMessage($messageId: ID!, $helpful: Boolean!) {
    rateMessage(messageId: $messageId, helpful: $helpful) { id helpful }
  }
`)

export const ContactSupport = graphql(
  `
  mutation ContactSupport($organizationId: ID!, $conversationId: ID, $note: String) {
    contactSupport(organizationId: $organizationId, conversationId: $conversationId, note: $note) {
      __typename
      ... on SupportTicket { ...TicketFields }
      ... on InvalidInput { field message }
    }
  }
`,
  [TicketFields],
)
