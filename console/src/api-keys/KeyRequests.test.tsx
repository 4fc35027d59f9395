import { act, screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { keyRequest } from '../testing/example-people'
import { coded, startServer } from '../testing/server'
import { acme, show } from '../testing/show'
import { KeyRequests } from './KeyRequests'

const comeBack = () => act(() => window.dispatchEvent(new Event('focus')))

async function open() {
  const server = startServer({ organization: () => ({ ...acme, keyRequests: [keyRequest] }) })
  const user = show(<KeyRequests />)
  await user.click(await screen.findByRole('button', { name: 'Dismiss nightly export' }))
  await screen.findByRole('dialog', { name: 'Dismiss the request?' })
  return server
}

test('When the requests can’t be read again, what is known stays, with the dialog', async () => {
  const server = await open()
  server.answer({
    organization: () => {
      throw coded('INTERNAL_SERVER_ERROR', 'no')
    },
  })

  await comeBack()

  await screen.findByText(/The requests for keys could not be read\./)
  expect(screen.getByRole('list', { name: 'Requests for keys' }).textContent).toContain('nightly export')
  expect(screen.getByRole('dialog', { name: 'Dismiss the request?' }).isConnected).toBe(true)
})

test('The dialog stays when another admin has dealt with the last request', async () => {
  const server = await open()
  server.answer({ organization: () => ({ ...acme, keyRequests: [] }) })

  await comeBack()

  await waitFor(() => expect(screen.queryByRole('list', { name: 'Requests for keys' })).toBeNull())
  expect(screen.getByRole('dialog', { name: 'Dismiss the request?' }).isConnected).toBe(true)
})
