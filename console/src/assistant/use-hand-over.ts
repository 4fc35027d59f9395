/** Hands a conversation over to the support team. Used by the panel, so that the answer arrives whatever the panel shows by then. */
import { useState } from 'react'
import { useClient } from 'urql'
import { noAnswer } from '../shared/errors'
import { useSubmit } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { ContactSupport, type Ticket, TicketQuery } from './operations'
import type { Conversation } from './use-chat'

export function useHandOver(
  conversation: Conversation | undefined,
  onHandedOver: (ticket: Ticket) => void,
  onNote: (note: string) => void,
) {
  const client = useClient()
  const { id: organizationId } = useOrganization()
  const [sent, setSent] = useState<Ticket>()

  function handedOver(ticket: Ticket, conversationId: string | null | undefined) {
    onNote('')
    setSent(ticket)
    // Another conversation may be open by now, which has no ticket.
    if (conversationId && conversationId === conversation?.id) onHandedOver(ticket)
  }

  const submission = useSubmit({
    mutation: ContactSupport,
    answerIn: (data) => data.contactSupport,
    // The panel stays on every page of the organization.
    allows: (path) => path.startsWith(`/organizations/${organizationId}/`),
    look: conversation && lookForTicket,
    onAnswer: (answer, { conversationId }) => {
      if (answer.__typename === 'InvalidInput') return answer.message
      handedOver(answer, conversationId)
    },
  })

  /** A note without a conversation leaves nothing to look at. */
  async function lookForTicket({ conversationId }: { conversationId?: string | null }) {
    const variables = { conversationId: conversationId ?? '' }
    const { data, error } = await client
      .query(TicketQuery, variables, { requestPolicy: 'network-only' })
      .toPromise()
    if (!data) return { error: error ?? noAnswer() }
    const ticket = data.conversation?.ticket
    if (!ticket) return { absent: true as const }
    handedOver(ticket, conversationId)
    submission.clear()
    return { found: ticket }
  }

  function handOver(note: string) {
    submission.send({ organizationId, conversationId: conversation?.id, note: note.trim() || undefined })
  }

  /** Forgets the last hand-over when the person goes back to the chat. */
  function leave() {
    submission.clear()
    setSent(undefined)
  }

  return { submission, ticket: conversation?.ticket ?? sent, handOver, leave }
}

export type HandOver = ReturnType<typeof useHandOver>
