import { screen, waitFor, within } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { AssistantContext, type Opener } from '../shared/assistant-context'
import { startServer } from '../testing/server'
import { acme, nora, show } from '../testing/show'
import { NewTokenDialog } from './NewTokenDialog'
import type { ServiceToken, Tokens } from './operations'
import { RevokeTokenDialog } from './RevokeTokenDialog'
import { stateOf } from './state'
import { TokensPage } from './TokensPage'

const token: ServiceToken = {
  id: 'tok_1',
  name: 'deploy-bot',
  role: 'AGENT_ADMIN',
  agents: [{ id: 'agt_1', name: 'Crawler' }],
  hint: 'kds_Ab3dEf…x9Qz',
  createdAt: '2026-01-01T00:00:00Z',
  createdBy: nora,
  expiresAt: '2099-01-08T00:00:00Z',
  lastUsedAt: null,
  revokedAt: null,
}
const secret = 'kds_Ab3dEf5555555555_0123456789012345678901234567890123456789x9Qz'
const none: Tokens = { id: acme.id, agents: [{ id: 'agt_1', name: 'Crawler' }], serviceTokens: [] }
const withToken = { ...acme, ...none, serviceTokens: [token] }
const withoutToken = { ...acme, ...none }
const issued = { __typename: 'ServiceTokenIssued', secret, serviceToken: token }

const closed: Opener = {
  opened: false,
  subject: {},
  asked: 0,
  covers: false,
  open: () => undefined,
  taken: () => undefined,
  close: () => undefined,
}

test.each([
  [{ expiresAt: '2026-02-01T00:00:00Z', revokedAt: null }, 'works'],
  [{ expiresAt: '2026-01-01T00:00:00Z', revokedAt: null }, 'expired'],
  [{ expiresAt: '2026-02-01T00:00:00Z', revokedAt: '2026-01-01T00:00:00Z' }, 'revoked'],
] as const)('%o %s', (of, state) => {
  expect(stateOf(of, Date.parse('2026-01-15T00:00:00Z'))).toBe(state)
})

test('The page shows each token, and a menu only for one that works', async () => {
  const revoked = { ...token, id: 'tok_2', name: 'old-bot', revokedAt: '2026-01-02T00:00:00Z' }
  startServer({ organization: () => ({ ...withToken, serviceTokens: [token, revoked] }) })
  show(
    <AssistantContext value={closed}>
      <TokensPage />
    </AssistantContext>,
  )

  const row = (await screen.findByText('deploy-bot')).closest('tr') as HTMLElement

  for (const text of ['kds_Ab3dEf…x9Qz', 'Agent admin', 'Crawler', 'Nora', 'Never', 'Works']) {
    expect(within(row).getByText(text, { exact: false })).toBeTruthy()
  }
  expect(screen.getByText('Revoked')).toBeTruthy()
  expect(screen.getByRole('button', { name: 'Menu of deploy-bot' })).toBeTruthy()
  expect(screen.queryByRole('button', { name: 'Menu of old-bot' })).toBeNull()
})

async function fillIn(onClose = vi.fn()) {
  const user = show(<NewTokenDialog tokens={none} onClose={onClose} />)
  await user.type(await screen.findByRole('textbox', { name: 'Name' }), 'deploy-bot')
  await user.click(screen.getByRole('radio', { name: 'Organization admin' }))
  return user
}

test('A token is created with its name, role and end, and shown once', async () => {
  const server = startServer({ createServiceToken: () => issued })
  const onClose = vi.fn()
  const user = await fillIn(onClose)
  const days = screen.getByRole('textbox', { name: /Expires in/ })
  await user.clear(days)
  await user.type(days, '30')

  await user.click(screen.getByRole('button', { name: 'Create' }))

  expect(await screen.findByDisplayValue(secret)).toBeTruthy()
  expect(screen.getByText(/curl .*Authorization: Bearer kds_Ab3dEf/)).toBeTruthy()
  expect(server.sent('CreateServiceToken')).toEqual([
    {
      input: {
        organizationId: acme.id,
        name: 'deploy-bot',
        role: 'ORGANIZATION_ADMIN',
        agentIds: [],
        expiresInDays: 30,
      },
    },
  ])
  await user.click(screen.getByRole('button', { name: 'Done' }))
  expect(await screen.findByText('Leave without the token?')).toBeTruthy()
  expect(onClose).not.toHaveBeenCalled()
})

test.each(['0', '367', ''])('A token of %s days is not sent', async (days) => {
  const server = startServer({ createServiceToken: () => issued })
  const user = await fillIn()
  const field = screen.getByRole('textbox', { name: /Expires in/ })
  await user.clear(field)
  if (days) await user.type(field, days)

  await user.click(screen.getByRole('button', { name: 'Create' }))

  expect(await screen.findByText('Enter a number of 1 to 366 days.')).toBeTruthy()
  expect(server.sent('CreateServiceToken')).toEqual([])
})

test('No role is chosen for the person, and no role without rights is offered', async () => {
  startServer({})
  const user = show(<NewTokenDialog tokens={none} onClose={() => undefined} />)
  await user.type(await screen.findByRole('textbox', { name: 'Name' }), 'deploy-bot')

  await user.click(screen.getByRole('button', { name: 'Create' }))

  expect(await screen.findByText('Choose a role.')).toBeTruthy()
  expect(screen.queryByRole('radio', { name: 'Member' })).toBeNull()
})

test('What the server refuses is shown, also where it is about no field', async () => {
  const message = 'This organization has 20 service tokens that work.'
  startServer({
    createServiceToken: () => ({ __typename: 'InvalidInput', field: 'organizationId', message, code: 'X' }),
  })
  const user = await fillIn()

  await user.click(screen.getByRole('button', { name: 'Create' }))

  expect(await screen.findByText(message)).toBeTruthy()
})

test('After a lost answer, the token that was created is named, to be revoked', async () => {
  const server = startServer({
    organization: () => withoutToken,
    createServiceToken: () => {
      server.loseAnswers(true)
      server.answer({ organization: () => withToken })
      return issued
    },
  })
  const user = await fillIn()
  await user.click(screen.getByRole('button', { name: 'Create' }))
  await screen.findByText('The token may have been created.', { exact: false })

  server.loseAnswers(false)
  await user.click(screen.getByRole('button', { name: /Try again|Look again/ }))

  expect(await screen.findByText(/Its secret was lost with the answer/)).toBeTruthy()
  expect(screen.getByRole('button', { name: 'Revoke' })).toBeTruthy()
  expect(server.sent('CreateServiceToken')).toHaveLength(1)
})

test('A token is revoked after a question', async () => {
  const revoked = { ...token, revokedAt: '2026-01-02T00:00:00Z' }
  const server = startServer({
    revokeServiceToken: () => ({ __typename: 'ServiceTokenRevoked', serviceToken: revoked }),
  })
  const onClose = vi.fn()
  const user = show(<RevokeTokenDialog token={token} onClose={onClose} />)
  await screen.findByText(/are refused at once/)
  expect(server.sent('RevokeServiceToken')).toEqual([])

  await user.click(screen.getByRole('button', { name: 'Revoke' }))

  await waitFor(() => expect(onClose).toHaveBeenCalledOnce())
  expect(server.sent('RevokeServiceToken')).toEqual([{ input: { id: 'tok_1' } }])
})
