import { screen, waitFor } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { mia, people } from '../testing/example-people'
import { coded, startServer } from '../testing/server'
import { acme, show } from '../testing/show'
import { RemoveDialog } from './RemoveDialog'

const seen = { id: 'key_1', name: 'billing', hint: 'kd_1…2345' }
const made = { id: 'tok_1', name: 'deploy-bot', hint: 'kds_1…2345' }
const organization = { ...acme, ...people, members: [{ ...mia, keysSeen: [seen], serviceTokens: [made] }] }
const withoutMia = { ...organization, members: [] }

/** The person is removed, and the answer is lost. */
async function removeWithoutAnswer() {
  const server = startServer({
    organization: () => organization,
    removeMember: () => {
      server.answer({ organization: () => withoutMia })
      throw coded('INTERNAL_SERVER_ERROR', 'no')
    },
  })
  const onRemoved = vi.fn()
  const onClose = vi.fn()
  const user = show(<RemoveDialog member={mia} onRemoved={onRemoved} onClose={onClose} />)
  await screen.findByText('billing')
  await user.click(screen.getByRole('button', { name: 'Remove' }))
  await screen.findByText(/The answer did not arrive, but Mia is no longer in the organization\./)
  return { user, onRemoved, onClose }
}

test.each([
  ['its button', (buttons: HTMLElement[]) => buttons.at(-1)],
  ['the × of the dialog', (buttons: HTMLElement[]) => buttons[0]],
])('After a lost answer, the secrets that the person has seen are passed on by %s', async (_, which) => {
  const { user, onRemoved } = await removeWithoutAnswer()

  await user.click(which(screen.getAllByRole('button', { name: 'Close' })) as HTMLElement)

  await waitFor(() =>
    expect(onRemoved).toHaveBeenCalledWith({
      userId: mia.user.id,
      name: 'Mia',
      keysSeen: [expect.objectContaining(seen)],
      tokensMade: [expect.objectContaining(made)],
    }),
  )
})

test('Where they were never read, the person is told where to look', async () => {
  const server = startServer({
    organization: () => ({ ...organization, members: [mia] }),
    removeMember: () => {
      server.answer({ organization: () => withoutMia })
      throw coded('INTERNAL_SERVER_ERROR', 'no')
    },
  })
  const user = show(<RemoveDialog member={mia} onRemoved={() => undefined} onClose={() => undefined} />)
  await screen.findByText(/Which secrets Mia has seen could not be read/)

  await user.click(screen.getByRole('button', { name: 'Remove' }))

  await screen.findByText(/The audit log shows which keys Mia created or rotated\./)
})
