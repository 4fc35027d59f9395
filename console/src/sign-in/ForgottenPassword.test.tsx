import { screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { startServer } from '../testing/server'
import { show } from '../testing/show'
import { ForgottenPassword } from './ForgottenPassword'

const opener = () => screen.getByRole('button', { name: 'Forgotten password?' })

async function open() {
  const server = startServer({ requestPasswordReset: () => true })
  const user = show(<ForgottenPassword email="nora@acme.example" supportEmail={null} />)
  await user.click(opener())
  expect(document.activeElement).toBe(screen.getByRole('textbox', { name: 'Your e-mail address' }))
  return { server, user }
}

test('Cancel gives the focus back to the button that opened the form', async () => {
  const { user } = await open()

  await user.click(screen.getByRole('button', { name: 'Cancel' }))

  expect(screen.queryByRole('textbox')).toBeNull()
  expect(document.activeElement).toBe(opener())
})

test('After a mail was asked for, the focus is on that button, too', async () => {
  const { server, user } = await open()

  await user.click(screen.getByRole('button', { name: 'Mail me a link' }))

  await screen.findByText(/a mail with a link is on its way/)
  expect(server.sent('RequestPasswordReset')).toEqual([{ email: 'nora@acme.example' }])
  await waitFor(() => expect(document.activeElement).toBe(opener()))
})
