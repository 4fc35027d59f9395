/** People, an agent, an invitation and a request for a key, for tests. */
import type { Agent } from '../agents/operations'
import type { KeyRequest } from '../api-keys/operations'
import type { Invitation, Member, People } from '../people/operations'
import type { Invitation as Preview } from '../sign-in/operations'
import { acme, nora } from './show'

export const mia: Member = {
  user: { id: 'user_mia', name: 'Mia', email: 'mia@acme.example' },
  role: 'MEMBER',
  agents: [],
  lastSignedInAt: null,
  viewerCanManage: true,
}

export const agent: Agent = {
  id: 'agt_1',
  name: 'Crawler',
  deletedAt: null,
  viewerCanManage: true,
  admins: [],
  livingKeys: 2,
  callsLastDay: 1955,
}

export const invitation: Invitation = {
  id: 'inv_1',
  email: 'omar@acme.example',
  role: 'MEMBER',
  agents: [],
  invitedBy: nora,
  createdAt: '2026-01-01T00:00:00Z',
  expiresAt: '2099-01-08T00:00:00Z',
  sentAt: null,
}

export const people: People = { id: acme.id, agents: [], members: [mia], invitations: [invitation] }

/** What the link of an invitation shows. */
export const toJoin: Preview = {
  organizationId: acme.id,
  organizationName: acme.name,
  email: mia.user.email,
  role: 'MEMBER',
  expiresAt: '2099-01-08T00:00:00Z',
  hasAccount: false,
}

export const keyRequest: KeyRequest = {
  id: 'krq_1',
  requestedBy: mia.user,
  name: 'nightly export',
  agent: null,
  reason: 'Invoices at night.',
  createdAt: '2026-01-01T00:00:00Z',
}
