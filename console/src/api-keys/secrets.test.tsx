import { screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { key } from '../testing/example-key'
import { startServer } from '../testing/server'
import { acme, show } from '../testing/show'
import { NewApiKeyDialog } from './NewApiKeyDialog'
import { RotateApiKeyDialog } from './RotateApiKeyDialog'

const secret = 'kd_0123456789_the-secret'
const billing = key('billing')
const issued = () => ({ __typename: 'ApiKeyIssued', secret, apiKey: billing })

test('A new key’s secret takes the place of the form, and is gone when the dialog closes', async () => {
  startServer({ organization: () => ({ ...acme, agents: [], apiKeys: [] }), createApiKey: issued })
  const onClose = vi.fn()
  const user = show(<NewApiKeyDialog onClose={onClose} />)
  await user.type(await screen.findByRole('textbox', { name: 'Name' }), 'billing')
  await user.click(screen.getByRole('radio', { name: 'Organization' }))

  await user.click(screen.getByRole('button', { name: 'Create' }))

  expect((await screen.findByRole<HTMLTextAreaElement>('textbox', { name: 'Secret' })).value).toBe(secret)
  expect(screen.queryByRole('textbox', { name: 'Name' })).toBeNull()
  expect(screen.getByRole('dialog', { name: '“billing” was created' })).toBeTruthy()
  await user.click(screen.getByRole('button', { name: 'Copy' }))
  await user.click(await screen.findByRole('button', { name: 'Done' }))
  expect(onClose).toHaveBeenCalledOnce()
})

test('A rotated key’s secret takes the place of the form', async () => {
  const server = startServer({ rotateApiKey: issued })
  const user = show(<RotateApiKeyDialog apiKey={billing} onClose={() => undefined} />)
  await user.click(screen.getByRole('radio', { name: 'No overlap' }))

  await user.click(screen.getByRole('button', { name: 'Rotate' }))

  expect((await screen.findByRole<HTMLTextAreaElement>('textbox', { name: 'Secret' })).value).toBe(secret)
  expect(server.sent('RotateApiKey')).toEqual([{ input: { id: 'billing', overlapSeconds: 0 } }])
})
