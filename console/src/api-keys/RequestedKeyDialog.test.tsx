import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { key } from '../testing/example-key'
import { keyRequest } from '../testing/example-people'
import { coded, type Fields, startServer } from '../testing/server'
import { acme, nora, show } from '../testing/show'
import { RequestedKeyDialog } from './RequestedKeyDialog'

const created = key(keyRequest.name, { createdBy: nora })
const organization = { ...acme, agents: [], apiKeys: [] as unknown[], keyRequests: [keyRequest] }

async function open(fields: Fields = {}) {
  const server = startServer({
    organization: () => organization,
    createApiKey: () => ({ __typename: 'ApiKeyIssued', secret: 'kd_0123456789_secret', apiKey: created }),
    closeKeyRequest: () => true,
    ...fields,
  })
  const user = show(<RequestedKeyDialog id={keyRequest.id} onClose={() => undefined} />)
  await user.click(await screen.findByRole('radio', { name: 'Organization' }))
  return { server, create: () => user.click(screen.getByRole('button', { name: 'Create' })) }
}

const isShown = async () =>
  expect((await screen.findByRole('textbox', { name: 'Secret' })).isConnected).toBe(true)

test('The request is closed when its key was created', async () => {
  const { server, create } = await open()

  await create()

  await isShown()
  expect(server.sent('CreateApiKey')).toHaveLength(1)
  expect(server.sent('CloseKeyRequest')).toEqual([{ id: keyRequest.id }])
  expect(document.body.textContent).not.toMatch(/Another admin|could not be closed/)
})

test('Nothing is created before the admin knows that another one was faster', async () => {
  const { server, create } = await open()
  server.answer({ organization: () => ({ ...organization, keyRequests: [] }) })

  await create()

  await screen.findByText(/Another admin has dealt with this request meanwhile.*Nothing was created/)
  expect(server.sent('CreateApiKey')).toEqual([])
  await create()
  await isShown()
  expect(server.sent('CreateApiKey')).toHaveLength(1)
})

test('An admin who was faster at the last moment is not passed over in silence', async () => {
  const { create } = await open({ closeKeyRequest: () => false })

  await create()

  await screen.findByText(/Another admin has dealt with this request meanwhile: there may be a second key\./)
  await isShown()
})

test('A request that could not be closed is to be dismissed', async () => {
  const { create } = await open({
    closeKeyRequest: () => {
      throw new Error('no')
    },
  })

  await create()

  await screen.findByText(/The request could not be closed: dismiss it in the list\./)
})

test('After a lost answer, the request is said to be open still', async () => {
  const { server, create } = await open()
  server.answer({
    createApiKey: () => {
      server.answer({ organization: () => ({ ...organization, apiKeys: [created] }) })
      throw coded('INTERNAL_SERVER_ERROR', 'no')
    },
  })

  await create()

  await screen.findByText(/The request of Mia is still open\./)
  expect(server.sent('CloseKeyRequest')).toEqual([])
})
