import { screen, waitFor } from '@testing-library/react'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { toJoin } from '../testing/example-people'
import { coded, startServer } from '../testing/server'
import { acme, nora, show, withPassword } from '../testing/show'
import { InvitationPage } from './InvitationPage'

const token = 'a'.repeat(40)
const viewer = (email: string, passwordChangeRequired = false) => ({
  passwordChangeRequired,
  user: { ...nora, email },
  organizations: [acme],
})

beforeEach(() => window.history.replaceState(null, '', `/invitation#${token}`))

function open(fields: { invitation: unknown; viewer?: unknown; methods?: unknown }) {
  const server = startServer({
    invitation: () => fields.invitation,
    viewer: () => fields.viewer ?? null,
    supportEmail: () => null,
    signInMethods: () => fields.methods ?? [withPassword],
  })
  return { server, user: show(<InvitationPage />) }
}

test('The token is taken out of the address, and nothing but the invitation is read', async () => {
  const { server } = open({ invitation: toJoin })

  await screen.findByRole('heading', { name: 'Join Acme' })

  expect(window.location.href).not.toContain(token)
  expect(server.sent('Invitation')).toContainEqual({ token })
  expect(server.sent('AcceptInvitation')).toEqual([])
})

describe('Who opens the link', () => {
  test.each([
    [
      'somebody without an account chooses a name and a password',
      toJoin,
      null,
      ['Your name', 'Choose a password'],
    ],
    ['somebody with an account enters its password', { ...toJoin, hasAccount: true }, null, ['Password']],
    ['somebody who is signed in as this address enters nothing', toJoin, viewer(toJoin.email), []],
    [
      'somebody with a one-time password enters it',
      { ...toJoin, hasAccount: true },
      viewer(toJoin.email, true),
      ['Password'],
    ],
  ])('%s', async (_, invitation, signedIn, labels) => {
    open({ invitation, viewer: signedIn })

    await screen.findByRole('button', { name: 'Accept and join' })

    const shown = [...document.querySelectorAll('input:not([hidden])')].map(
      (input) => document.querySelector(`label[for="${input.id}"]`)?.textContent,
    )
    expect(shown).toEqual(labels)
  })

  test('somebody else is asked to sign out', async () => {
    open({ invitation: toJoin, viewer: viewer('somebody@else.example') })

    await screen.findByText(/You are signed in as/)

    expect(screen.getByText('somebody@else.example').isConnected).toBe(true)
    expect(screen.queryByRole('button', { name: 'Accept and join' })).toBeNull()
  })

  test('somebody with a link that no longer works is told what to do', async () => {
    open({ invitation: null })

    await screen.findByText(/This link no longer works/)

    expect(screen.getByRole('link', { name: 'sign in' }).getAttribute('href')).toBe('/sign-in')
  })
})

test('Another link that is opened in the same tab is another invitation', async () => {
  const { server } = open({ invitation: toJoin })
  await screen.findByRole('heading', { name: 'Join Acme' })
  server.answer({ invitation: () => ({ ...toJoin, organizationName: 'Globex' }) })

  window.location.hash = 'b'.repeat(40)

  await screen.findByRole('heading', { name: 'Join Globex' })
  await waitFor(() => expect(window.location.hash).toBe(''))
})

test('Somebody who has joined although the answer was lost is told so', async () => {
  const { server, user } = open({ invitation: { ...toJoin, hasAccount: true } })
  server.answer({
    acceptInvitation: () => {
      server.answer({ invitation: () => null, viewer: () => viewer(toJoin.email) })
      throw coded('INTERNAL_SERVER_ERROR', 'no')
    },
  })
  await user.type(await screen.findByLabelText('Password'), 'correct horse')

  await user.click(screen.getByRole('button', { name: 'Accept and join' }))

  await screen.findByText('The answer did not arrive, but you have joined.')
  expect(screen.queryByText(/This link no longer works/)).toBeNull()
})

describe('With an identity provider', () => {
  const atProvider = { kind: 'OPENID_CONNECT', label: 'Example ID', url: 'https://keys.example/sso/start' }
  const button = () => screen.findByRole('button', { name: 'Continue with Example ID' })

  test('its button posts the token, which is in no address', async () => {
    const { user } = open({ invitation: toJoin, methods: [withPassword, atProvider] })
    const clicked = await button()
    const posted: unknown[] = []
    vi.stubGlobal('fetch', async (address: string, { body }: { body: string }) => {
      posted.push([address, JSON.parse(body)])
      return Response.json({ message: 'Example ID can’t be reached.' }, { status: 503 })
    })

    await user.click(clicked)

    expect(posted).toEqual([['/sso/start', { invitation: token }]])
    await screen.findByText('Example ID can’t be reached.')
  })

  test.each([
    ['everybody may choose a password', [withPassword, atProvider], 1],
    ['few people may use a password', [atProvider, withPassword], 0],
    ['nobody may use a password', [atProvider], 0],
  ])('%s', async (_, methods, forms) => {
    open({ invitation: toJoin, methods })

    await button()

    expect(screen.queryAllByLabelText('Choose a password')).toHaveLength(forms)
    expect(screen.queryByRole('button', { name: 'Password' })).toBeNull()
  })

  test('somebody who is signed in accepts by a click', async () => {
    open({ invitation: toJoin, viewer: viewer(toJoin.email), methods: [atProvider] })

    await screen.findByRole('button', { name: 'Accept and join' })

    expect(screen.queryByRole('button', { name: 'Continue with Example ID' })).toBeNull()
  })
})
