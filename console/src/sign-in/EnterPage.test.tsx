import { screen, waitFor } from '@testing-library/react'
import { StrictMode } from 'react'
import { beforeEach, expect, test, vi } from 'vitest'
import { coded, startServer } from '../testing/server'
import { show } from '../testing/show'
import { EnterPage } from './EnterPage'

let token = ''
let number = 0

beforeEach(() => {
  number += 1
  token = `${number}`.padStart(40, 'a')
  window.history.replaceState(null, '', `/enter#${token}`)
})

const entered = { __typename: 'EnteredByLink', organizationId: 'org_acme', path: 'audit-log' }
const notValid = { __typename: 'LinkNotValid', message: 'No.', code: 'LINK_NOT_VALID' }

function open(answer: () => unknown) {
  const server = startServer({ enterByLink: answer })
  const onEntered = vi.fn()
  const user = show(
    <StrictMode>
      <EnterPage onEntered={onEntered} />
    </StrictMode>,
  )
  return { server, user, onEntered }
}

test('The page sends its code once, by itself, and goes on to the page of the link', async () => {
  const { server, onEntered } = open(() => entered)

  await waitFor(() => expect(onEntered).toHaveBeenCalledWith('/organizations/org_acme/audit-log'))

  expect(server.sent('EnterByLink')).toEqual([{ input: { token, replacesSession: false } }])
  expect(window.location.href).not.toContain(token)
})

test('Somebody with a link that no longer works is told what to do', async () => {
  const { onEntered } = open(() => notValid)

  await screen.findByText(/This link no longer works/)

  expect(screen.getByText(/Go back to the product/).isConnected).toBe(true)
  expect(onEntered).not.toHaveBeenCalled()
})

test('Somebody else who is signed in is asked before their session ends', async () => {
  const { server, user, onEntered } = open(() => ({
    __typename: 'OtherPersonSignedIn',
    signedIn: { __typename: 'User', name: 'Ada', email: 'ada@example.com' },
    user: { __typename: 'User', name: 'Mallory', email: 'mallory@evil.example' },
  }))
  await screen.findByText(/You are signed in as/)
  expect(screen.getByRole('status').textContent).toContain('ada@example.com')
  expect(screen.getByRole('link', { name: 'Stay signed in' }).getAttribute('href')).toBe('/')
  expect(server.sent('EnterByLink')).toEqual([{ input: { token, replacesSession: false } }])
  server.answer({ enterByLink: () => entered })

  await user.click(screen.getByRole('button', { name: 'Continue as mallory@evil.example' }))

  await waitFor(() => expect(onEntered).toHaveBeenCalledWith('/organizations/org_acme/audit-log'))
  expect(server.sent('EnterByLink').slice(1)).toEqual([{ input: { token, replacesSession: true } }])
})

test('A page without a code sends nothing', async () => {
  // Another path: the page keeps the code of its own while it is open.
  window.history.replaceState(null, '', '/enter/?x')
  const { server } = open(() => entered)

  await screen.findByText(/This link no longer works/)

  expect(server.sent('EnterByLink')).toEqual([])
})

test('After a failure, the person may try again', async () => {
  const { server, user, onEntered } = open(() => {
    throw coded('INTERNAL_SERVER_ERROR', 'no')
  })
  await screen.findByText(/You may not be signed in/)
  server.answer({ enterByLink: () => entered })

  await user.click(screen.getByRole('button', { name: 'Try again' }))

  await waitFor(() => expect(onEntered).toHaveBeenCalled())
})
