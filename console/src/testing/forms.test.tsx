/** Every form: idle, on its way, refused by each typed error, without a network, and with a lost answer. */
import { screen, waitFor, within } from '@testing-library/react'
import type { UserEvent } from '@testing-library/user-event'
import { type ReactNode, useState } from 'react'
import { describe, expect, test, vi } from 'vitest'
import { DeleteApiKeyDialog } from '../api-keys/DeleteApiKeyDialog'
import { EditApiKeyDialog } from '../api-keys/EditApiKeyDialog'
import { NewApiKeyDialog } from '../api-keys/NewApiKeyDialog'
import { RotateApiKeyDialog } from '../api-keys/RotateApiKeyDialog'
import { TalkToAPerson } from '../assistant/TalkToAPerson'
import { useHandOver } from '../assistant/use-hand-over'
import { ChangePasswordForm } from '../sign-in/ChangePasswordForm'
import { SignInForm } from '../sign-in/SignInForm'
import { key } from './example-key'
import { coded, type Fields, startServer } from './server'
import { acme, nora, show } from './show'

const billing = key('billing', { lastUsedAt: new Date().toISOString() })
const organization = { ...acme, agents: [], apiKeys: [] }
const events = { auditLog: { edges: [], pageInfo: { hasNextPage: false } } }
/** What forms read beside what they send. */
const read: Fields = {
  organization: () => ({ ...organization, ...events }),
  apiKey: () => ({ ...billing, usage: { series: [], callers: [] } }),
  conversation: () => null,
}
const secret = 'kd_0123456789_the-secret'

interface Refusal {
  answer: { __typename: string; [field: string]: unknown }
  /** The field that it names, where the form has it: the focus goes there. */
  field?: RegExp
  /** Said beside the server's own sentence. */
  also?: RegExp
}

interface Form {
  ui: (onDone: () => void) => ReactNode
  /** The mutation: its operation and its field. */
  operation: string
  field: string
  submit: string
  fill: (user: UserEvent) => Promise<void>
  /** What was entered: label and value, or a checked radio button. */
  kept: () => void
  /** The first field that is wrong when nothing was entered. */
  firstWrong?: { field: RegExp; empty?: RegExp }
  done: { __typename: string; [field: string]: unknown }
  refusals: Refusal[]
  failure: RegExp
  /** What is said after an answer was lost. */
  loss: RegExp
  cannotCancel?: true
}

const textbox = (name: RegExp) => screen.getByRole<HTMLInputElement>('textbox', { name })
const alertSaying = (words: RegExp) =>
  waitFor(() => {
    const found = screen.getAllByRole('alert').find((each) => words.test(each.textContent))
    if (!found) throw new Error(`no alert says ${words}`)
    return found
  })
const invalid = (field: string) => ({ __typename: 'InvalidInput', field, message: 'The server says no.' })
const gone = { __typename: 'ApiKeyNotFound', message: 'The server says no.' }

const forms: Record<string, Form> = {
  'new key': {
    ui: () => <NewApiKeyDialog onClose={() => undefined} />,
    operation: 'CreateApiKey',
    field: 'createApiKey',
    submit: 'Create',
    fill: async (user) => {
      await user.type(await screen.findByRole('textbox', { name: 'Name' }), 'billing')
      await user.click(screen.getByRole('radio', { name: 'Organization' }))
    },
    kept: () => {
      expect(textbox(/Name/).value).toBe('billing')
      expect(screen.getByRole<HTMLInputElement>('radio', { name: 'Organization' }).checked).toBe(true)
    },
    firstWrong: { field: /Name/ },
    done: { __typename: 'ApiKeyIssued', secret, apiKey: billing },
    refusals: [
      { answer: invalid('name'), field: /Name/ },
      { answer: invalid('organizationId') },
      {
        answer: {
          __typename: 'KeyLimitReached',
          message: 'The server says no.',
          keyAllowance: { used: 10, limit: 10, remaining: 0 },
          candidates: [key('unused')],
        },
        also: /Every slot is taken/,
      },
    ],
    failure: /The key was not created\./,
    loss: /The key may have been created\./,
  },
  edit: {
    ui: (onDone) => <EditApiKeyDialog apiKey={billing} onClose={onDone} />,
    operation: 'RenameApiKey',
    field: 'renameApiKey',
    submit: 'Save',
    fill: async (user) => {
      await user.clear(textbox(/Name/))
      await user.type(textbox(/Name/), 'invoices')
    },
    kept: () => expect(textbox(/Name/).value).toBe('invoices'),
    firstWrong: { field: /Name/, empty: /Name/ },
    done: { __typename: 'ApiKey', ...billing, name: 'invoices' },
    refusals: [{ answer: invalid('name'), field: /Name/ }, { answer: invalid('id') }, { answer: gone }],
    failure: /The name was not saved\./,
    loss: /The name may have been saved\./,
  },
  rotate: {
    ui: () => <RotateApiKeyDialog apiKey={billing} onClose={() => undefined} />,
    operation: 'RotateApiKey',
    field: 'rotateApiKey',
    submit: 'Rotate',
    fill: (user) => user.click(screen.getByRole('radio', { name: 'Works for 8 more hours' })),
    kept: () =>
      expect(screen.getByRole<HTMLInputElement>('radio', { name: 'Works for 8 more hours' }).checked).toBe(
        true,
      ),
    firstWrong: { field: /No overlap/ },
    done: { __typename: 'ApiKeyIssued', secret, apiKey: billing },
    refusals: [{ answer: invalid('overlapSeconds') }, { answer: gone }],
    failure: /The key was not rotated\./,
    loss: /The key may have been rotated\./,
  },
  delete: {
    ui: (onDone) => <DeleteApiKeyDialog apiKey={billing} onClose={onDone} />,
    operation: 'DeleteApiKey',
    field: 'deleteApiKey',
    submit: 'Delete',
    fill: (user) => user.type(textbox(/Type “billing”/), 'billing'),
    kept: () => expect(textbox(/Type “billing”/).value).toBe('billing'),
    firstWrong: { field: /Type “billing”/ },
    done: { __typename: 'ApiKeyDeleted', apiKey: billing, keyAllowance: acme.keyAllowance },
    refusals: [{ answer: gone }],
    failure: /The key was not deleted\./,
    loss: /The key may have been deleted\./,
  },
  'sign in': {
    ui: (onDone) => <SignInForm supportEmail={null} onSignedIn={onDone} />,
    operation: 'SignIn',
    field: 'signIn',
    submit: 'Sign in',
    fill: async (user) => {
      await user.type(textbox(/Email/), 'nora@acme.example')
      await user.type(screen.getByLabelText('Password'), 'correct horse')
    },
    kept: () => {
      expect(textbox(/Email/).value).toBe('nora@acme.example')
      expect(screen.getByLabelText<HTMLInputElement>('Password').value).toBe('correct horse')
    },
    firstWrong: { field: /Email/ },
    done: { __typename: 'Viewer', user: nora, passwordChangeRequired: false },
    refusals: [
      { answer: { __typename: 'SignInRefused', message: 'The server says no.', retryAfterSeconds: null } },
      {
        answer: { __typename: 'SignInRefused', message: 'The server says no.', retryAfterSeconds: 30 },
        also: /Try again in 30 seconds\./,
      },
    ],
    failure: /You could not be signed in\./,
    loss: /You could not be signed in\./,
    cannotCancel: true,
  },
  'change password': {
    ui: (onDone) => (
      <ChangePasswordForm
        email={nora.email}
        currentLabel="Current password"
        onChanged={onDone}
        onCancel={() => undefined}
      />
    ),
    operation: 'ChangePassword',
    field: 'changePassword',
    submit: 'Change password',
    fill: async (user) => {
      await user.type(screen.getByLabelText('Current password'), 'old')
      await user.type(screen.getByLabelText('New password'), 'longpassword')
      await user.type(screen.getByLabelText('New password again'), 'longpassword')
    },
    kept: () => {
      expect(screen.getByLabelText<HTMLInputElement>('Current password').value).toBe('old')
      expect(screen.getByLabelText<HTMLInputElement>('New password again').value).toBe('longpassword')
    },
    firstWrong: { field: /Current password/ },
    done: { __typename: 'Viewer', user: nora },
    refusals: [
      { answer: invalid('currentPassword'), field: /Current password/ },
      { answer: invalid('newPassword'), field: /^New password$/ },
      { answer: invalid('input') },
    ],
    failure: /The password was not changed\./,
    loss: /Your password may have been changed\./,
  },
  'hand over': {
    ui: () => <HandOver />,
    operation: 'ContactSupport',
    field: 'contactSupport',
    submit: 'Hand over',
    fill: (user) => user.type(textbox(/Note/), 'Please call me.'),
    kept: () => expect(textbox(/Note/).value).toBe('Please call me.'),
    done: { __typename: 'SupportTicket', id: 'tkt_1', createdAt: '2026-11-30T10:00:00Z', sentTo: null },
    refusals: [{ answer: invalid('note') }],
    failure: /Your request was not handed over\./,
    loss: /Your request may have been handed over\./,
  },
}

function HandOver() {
  const [note, setNote] = useState('')
  const handing = useHandOver(undefined, () => undefined, setNote)
  return <TalkToAPerson handing={handing} note={note} onNote={setNote} onBack={() => undefined} />
}

describe.each(Object.entries(forms))('The form “%s”', (_, form) => {
  const submit = () => screen.findByRole<HTMLButtonElement>('button', { name: form.submit })

  /** The form, and the server that answers its mutation. */
  async function open(answer: () => unknown) {
    const server = startServer({ ...read, [form.field]: answer })
    const onDone = vi.fn()
    const user = show(form.ui(onDone))
    await submit()
    return { server, user, onDone }
  }

  async function send(user: UserEvent) {
    await form.fill(user)
    await user.click(await submit())
  }

  test('sends nothing by itself', async () => {
    const { server } = await open(() => form.done)

    expect((await submit()).disabled).toBe(false)
    expect(document.body.textContent).not.toMatch(form.failure)
    expect(server.sent(form.operation)).toEqual([])
  })

  test.runIf(form.firstWrong)('moves the focus to the first wrong field, and sends nothing', async () => {
    const { server, user } = await open(() => form.done)
    if (form.firstWrong?.empty) await user.clear(textbox(form.firstWrong.empty))

    await user.click(await submit())

    expect(document.activeElement).toBe(screen.getByLabelText(form.firstWrong?.field ?? ''))
    expect(server.sent(form.operation)).toEqual([])
  })

  test('is sent once, and can’t be left or sent again until its answer is there', async () => {
    const { server, user, onDone } = await open(() => form.done)
    const release = server.hold()

    await form.fill(user)
    await user.dblClick(await submit())

    const pending = await submit()
    expect(pending.disabled).toBe(true)
    expect(server.sent(form.operation)).toHaveLength(1)
    if (!form.cannotCancel)
      expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Cancel' }).disabled).toBe(true)
    expect(onDone).not.toHaveBeenCalled()
    release()
    await waitFor(() => expect(pending.isConnected && pending.disabled).toBe(false))
  })

  test.each(form.refusals)(
    'says why it was refused, and keeps what was entered: $answer',
    async (refusal) => {
      const { user, onDone } = await open(() => refusal.answer)

      await send(user)

      await screen.findByText(/The server says no\./)
      form.kept()
      expect((await submit()).disabled).toBe(false)
      if (refusal.also) expect(document.body.textContent).toMatch(refusal.also)
      if (refusal.field) {
        const field = screen.getByLabelText(refusal.field)
        await waitFor(() => expect(document.activeElement).toBe(field))
      } else await alertSaying(/The server says no\./)
      expect(onDone).not.toHaveBeenCalled()
    },
  )

  test('says that it was not done where the server does not allow it, with the request id', async () => {
    const { user } = await open(() => {
      throw coded('FORBIDDEN', 'The server says no.')
    })

    await send(user)

    const alert = await alertSaying(form.failure)
    expect(alert.textContent).toMatch(/The server says no\./)
    expect(within(alert).getByText('req_test')).toBeTruthy()
    form.kept()
    expect((await submit()).disabled).toBe(false)
  })

  test.skipIf(form.cannotCancel)('sends nothing while the browser is offline', async () => {
    const { server, user } = await open(() => form.done)
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)

    await send(user)

    await alertSaying(/You are offline\./)
    expect(server.sent(form.operation)).toEqual([])
    form.kept()
  })

  test('does not take a lost answer for a refusal, and keeps what was entered', async () => {
    const { server, user, onDone } = await open(() => form.done)
    await form.fill(user)
    server.loseAnswers(true)

    await user.click(await submit())

    await alertSaying(form.loss)
    form.kept()
    expect(onDone).not.toHaveBeenCalled()
  })
})
