import { fireEvent, screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { Dialog } from '../shared/Dialog'
import { show } from '../testing/show'
import { SecretPanel } from './SecretPanel'

const secret = 'kd_0123456789_the-secret'

function open() {
  const onDone = vi.fn()
  const user = show(
    <Dialog title="“billing” was created" onClose={onDone}>
      <SecretPanel secret={secret} onDone={onDone} />
    </Dialog>,
  )
  return { user, onDone }
}

const question = () => screen.queryByText('Leave without the secret?')

test('The secret is selected, with a command that tries it', () => {
  open()

  const field = screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Secret' })
  expect(document.activeElement).toBe(field)
  expect(field.value.slice(field.selectionStart, field.selectionEnd)).toBe(secret)
  expect(screen.getByText(/^curl/).textContent).toContain(`Bearer ${secret}`)
})

test('Once it was copied, the button says so, and Done closes without a question', async () => {
  const { user, onDone } = open()

  await user.click(screen.getByRole('button', { name: 'Copy' }))

  await screen.findByRole('button', { name: 'Copied' })
  expect(await navigator.clipboard.readText()).toBe(secret)
  await user.click(screen.getByRole('button', { name: 'Done' }))
  expect(question()).toBeNull()
  expect(onDone).toHaveBeenCalledOnce()
})

test('Where the browser forbids copying, it says what to do, and the selection can be copied by hand', async () => {
  const { user, onDone } = open()
  vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new Error('forbidden'))

  await user.click(screen.getByRole('button', { name: 'Copy' }))
  expect((await screen.findByRole('button', { name: 'Copy' })).isConnected).toBe(true)
  await screen.findByText(/did not allow/)
  fireEvent.copy(screen.getByRole('textbox', { name: 'Secret' }))

  await screen.findByRole('button', { name: 'Copied' })
  await user.click(screen.getByRole('button', { name: 'Done' }))
  expect(onDone).toHaveBeenCalledOnce()
})

test.each(['Done', 'Close'])('%s asks first while the secret was not copied', async (way) => {
  const { user, onDone } = open()
  const press = (name: string) => user.click(screen.getByRole('button', { name }))

  await press(way)
  expect(question()).not.toBeNull()
  expect(onDone).not.toHaveBeenCalled()
  await press('Stay')
  expect(question()).toBeNull()
  expect(onDone).not.toHaveBeenCalled()
  await press(way)
  await press('Leave without it')

  expect(onDone).toHaveBeenCalledOnce()
})

test('Copying after the question answers it', async () => {
  const { user, onDone } = open()
  await user.click(screen.getByRole('button', { name: 'Done' }))

  await user.click(screen.getByRole('button', { name: 'Copy' }))

  await screen.findByRole('button', { name: 'Copied' })
  expect(question()).toBeNull()
  expect(onDone).not.toHaveBeenCalled()
})
