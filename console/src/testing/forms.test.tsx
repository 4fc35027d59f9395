/** Every form: idle, on its way, refused by each typed error, without a network, and with a lost answer. */
import { screen, waitFor, within } from '@testing-library/react'
import type { UserEvent } from '@testing-library/user-event'
import { type ReactNode, useState } from 'react'
import { describe, expect, test, vi } from 'vitest'
import { DeleteAgentForm } from '../agents/DeleteAgentDialog'
import { NewAgentForm } from '../agents/NewAgentDialog'
import { RenameAgentForm } from '../agents/RenameAgentDialog'
import { AskForKeyForm } from '../api-keys/AskForKeyDialog'
import { DeleteApiKeyDialog } from '../api-keys/DeleteApiKeyDialog'
import { EditApiKeyDialog } from '../api-keys/EditApiKeyDialog'
import { DismissForm } from '../api-keys/KeyRequests'
import { NewApiKeyDialog } from '../api-keys/NewApiKeyDialog'
import { RotateApiKeyDialog } from '../api-keys/RotateApiKeyDialog'
import { TalkToAPerson } from '../assistant/TalkToAPerson'
import { useHandOver } from '../assistant/use-hand-over'
import { ChangeForm } from '../people/ChangeDialog'
import { InviteForm } from '../people/InviteDialog'
import { RemoveForm } from '../people/RemoveDialog'
import { ResendForm } from '../people/ResendDialog'
import { RevokeForm } from '../people/RevokeDialog'
import { AcceptInvitationForm } from '../sign-in/AcceptInvitationForm'
import { ChangePasswordForm } from '../sign-in/ChangePasswordForm'
import { ForgottenPasswordForm } from '../sign-in/ForgottenPassword'
import { ResetPasswordForm } from '../sign-in/ResetPasswordPage'
import { SignInForm } from '../sign-in/SignInForm'
import { key } from './example-key'
import { agent, invitation, keyRequest, mia, people, toJoin } from './example-people'
import { coded, type Fields, startServer } from './server'
import { acme, nora, show } from './show'

const billing = key('billing', { lastUsedAt: new Date().toISOString() })
const organization = { ...acme, ...people, agents: [agent], apiKeys: [] }
const events = { auditLog: { edges: [], pageInfo: { hasNextPage: false } } }
/** What forms read beside what they send. */
const read: Fields = {
  organization: () => ({ ...organization, ...events }),
  apiKey: () => ({ ...billing, usage: { series: [], callers: [] } }),
  conversation: () => null,
  invitation: () => toJoin,
  viewer: () => null,
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
  done: { __typename: string; [field: string]: unknown } | true
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
const refused = (name: string) => ({ __typename: name, message: 'The server says no.' })
const gone = refused('ApiKeyNotFound')

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
  'forgotten password': {
    ui: (onDone) => <ForgottenPasswordForm email="" onAsked={onDone} onCancel={() => undefined} />,
    operation: 'RequestPasswordReset',
    field: 'requestPasswordReset',
    submit: 'Mail me a link',
    fill: (user) => user.type(textbox(/Your e-mail address/), 'nora@acme.example'),
    kept: () => expect(textbox(/Your e-mail address/).value).toBe('nora@acme.example'),
    firstWrong: { field: /Your e-mail address/ },
    done: true,
    refusals: [],
    failure: /No mail was sent\./,
    loss: /The mail may be on its way\./,
  },
  'reset password': {
    ui: (onDone) => <ResetPasswordForm token="the-token" onReset={onDone} />,
    operation: 'ResetPassword',
    field: 'resetPassword',
    submit: 'Save and sign in',
    fill: (user) => user.type(screen.getByLabelText('New password'), 'longpassword'),
    kept: () => expect(screen.getByLabelText<HTMLInputElement>('New password').value).toBe('longpassword'),
    firstWrong: { field: /^New password$/ },
    done: { __typename: 'Viewer', user: nora },
    refusals: [
      { answer: invalid('newPassword'), field: /^New password$/ },
      { answer: refused('LinkNotValid') },
    ],
    failure: /The password was not changed\./,
    loss: /Your password may have been changed\./,
    cannotCancel: true,
  },
  'accept with a new account': {
    ui: (onDone) => (
      <AcceptInvitationForm token="the-token" invitation={toJoin} way="account" onAccepted={onDone} />
    ),
    operation: 'AcceptInvitation',
    field: 'acceptInvitation',
    submit: 'Accept and join',
    fill: async (user) => {
      await user.type(textbox(/Your name/), 'Mia')
      await user.type(screen.getByLabelText('Choose a password'), 'longpassword')
    },
    kept: () => {
      expect(textbox(/Your name/).value).toBe('Mia')
      expect(screen.getByLabelText<HTMLInputElement>('Choose a password').value).toBe('longpassword')
    },
    firstWrong: { field: /Your name/ },
    done: { __typename: 'Viewer', user: mia.user },
    refusals: [
      { answer: invalid('name'), field: /Your name/ },
      { answer: invalid('password'), field: /Choose a password/ },
      { answer: invalid('token') },
      { answer: refused('LinkNotValid') },
    ],
    failure: /You have not joined\./,
    loss: /You may have joined\./,
    cannotCancel: true,
  },
  'accept with a password': {
    ui: (onDone) => (
      <AcceptInvitationForm token="the-token" invitation={toJoin} way="password" onAccepted={onDone} />
    ),
    operation: 'AcceptInvitation',
    field: 'acceptInvitation',
    submit: 'Accept and join',
    fill: (user) => user.type(screen.getByLabelText('Password'), 'correct horse'),
    kept: () => expect(screen.getByLabelText<HTMLInputElement>('Password').value).toBe('correct horse'),
    firstWrong: { field: /^Password$/ },
    done: { __typename: 'Viewer', user: mia.user },
    refusals: [
      { answer: { ...refused('SignInRefused'), retryAfterSeconds: null } },
      {
        answer: { ...refused('SignInRefused'), retryAfterSeconds: 30 },
        also: /Try again in 30 seconds\./,
      },
      { answer: refused('LinkNotValid') },
    ],
    failure: /You have not joined\./,
    loss: /You may have joined\./,
    cannotCancel: true,
  },
  invite: {
    ui: (onDone) => <InviteForm people={people} onInvited={onDone} onCancel={() => undefined} />,
    operation: 'InviteMember',
    field: 'inviteMember',
    submit: 'Invite',
    fill: async (user) => {
      await user.type(textbox(/E-mail address/), 'omar@acme.example')
      await user.click(screen.getByRole('radio', { name: 'Member' }))
    },
    kept: () => {
      expect(textbox(/E-mail address/).value).toBe('omar@acme.example')
      expect(screen.getByRole<HTMLInputElement>('radio', { name: 'Member' }).checked).toBe(true)
    },
    firstWrong: { field: /E-mail address/ },
    done: { __typename: 'InvitationIssued', link: null, invitation },
    refusals: [
      { answer: invalid('email'), field: /E-mail address/ },
      { answer: { ...refused('AlreadyMember'), member: mia }, field: /E-mail address/ },
      { answer: invalid('organizationId') },
    ],
    failure: /Nobody was invited\./,
    loss: /The invitation may have been sent\./,
  },
  resend: {
    ui: (onDone) => <ResendForm invitation={invitation} onSent={onDone} onCancel={() => undefined} />,
    operation: 'ResendInvitation',
    field: 'resendInvitation',
    submit: 'Send again',
    fill: async () => undefined,
    kept: () => undefined,
    done: { __typename: 'InvitationIssued', link: null, invitation },
    refusals: [{ answer: refused('InvitationNotFound') }],
    failure: /The invitation was not sent\./,
    loss: /The invitation may have been sent\./,
  },
  revoke: {
    ui: (onDone) => <RevokeForm invitation={invitation} onRevoked={onDone} onCancel={() => undefined} />,
    operation: 'RevokeInvitation',
    field: 'revokeInvitation',
    submit: 'Revoke',
    fill: async () => undefined,
    kept: () => undefined,
    done: { __typename: 'InvitationRevoked', invitation },
    refusals: [{ answer: refused('InvitationNotFound') }],
    failure: /The invitation was not revoked\./,
    loss: /The invitation may have been revoked\./,
  },
  'change role': {
    ui: (onDone) => <ChangeForm member={mia} people={people} onChanged={onDone} onCancel={() => undefined} />,
    operation: 'ChangeMember',
    field: 'changeMember',
    submit: 'Save',
    fill: (user) => user.click(screen.getByRole('radio', { name: 'Organization admin' })),
    kept: () =>
      expect(screen.getByRole<HTMLInputElement>('radio', { name: 'Organization admin' }).checked).toBe(true),
    done: { __typename: 'Member', ...mia },
    refusals: [
      { answer: invalid('role'), field: /^Member$/ },
      { answer: invalid('agentIds') },
      { answer: refused('LastOrganizationAdmin'), field: /^Member$/ },
      { answer: refused('MemberNotFound') },
    ],
    failure: /The role was not changed\./,
    loss: /The role may have been changed\./,
  },
  'remove somebody': {
    ui: (onDone) => (
      <RemoveForm member={mia} onRemoved={onDone} onFound={() => undefined} onCancel={() => undefined} />
    ),
    operation: 'RemoveMember',
    field: 'removeMember',
    submit: 'Remove',
    fill: async () => undefined,
    kept: () => undefined,
    done: { __typename: 'MemberRemoved', user: mia.user, keysSeen: [] },
    refusals: [{ answer: refused('LastOrganizationAdmin') }, { answer: refused('MemberNotFound') }],
    failure: /Mia was not removed\./,
    loss: /Mia may have been removed\./,
  },
  'ask for a key': {
    ui: (onDone) => <AskForKeyForm onAsked={onDone} onCancel={() => undefined} />,
    operation: 'RequestApiKey',
    field: 'requestApiKey',
    submit: 'Ask',
    fill: async (user) => {
      await user.type(textbox(/Name of the key/), 'billing')
      await user.type(textbox(/What for/), 'Invoices at night.')
    },
    kept: () => {
      expect(textbox(/Name of the key/).value).toBe('billing')
      expect(screen.getByLabelText<HTMLTextAreaElement>(/What for/).value).toBe('Invoices at night.')
    },
    firstWrong: { field: /Name of the key/ },
    done: { __typename: 'ApiKeyRequested', isMailed: false, keyRequest },
    refusals: [
      { answer: invalid('name'), field: /Name of the key/ },
      { answer: invalid('reason'), field: /What for/ },
      { answer: invalid('agentId') },
    ],
    failure: /Nobody was asked\./,
    loss: /The request may have been stored\./,
  },
  'dismiss a request': {
    ui: (onDone) => <DismissForm request={keyRequest} onDismissed={onDone} onCancel={() => undefined} />,
    operation: 'CloseKeyRequest',
    field: 'closeKeyRequest',
    submit: 'Dismiss',
    fill: async () => undefined,
    kept: () => undefined,
    done: true,
    refusals: [],
    failure: /The request was not dismissed\./,
    loss: /The request may have been dismissed\./,
  },
  'new agent': {
    ui: (onDone) => <NewAgentForm agents={[agent]} onCreated={onDone} onCancel={() => undefined} />,
    operation: 'CreateAgent',
    field: 'createAgent',
    submit: 'Create',
    fill: (user) => user.type(textbox(/Name/), 'Planner'),
    kept: () => expect(textbox(/Name/).value).toBe('Planner'),
    firstWrong: { field: /Name/ },
    done: { __typename: 'Agent', ...agent, name: 'Planner' },
    refusals: [{ answer: invalid('name'), field: /Name/ }, { answer: invalid('organizationId') }],
    failure: /The agent was not created\./,
    loss: /The agent may have been created\./,
  },
  'rename an agent': {
    ui: (onDone) => <RenameAgentForm agent={agent} onRenamed={onDone} onCancel={() => undefined} />,
    operation: 'RenameAgent',
    field: 'renameAgent',
    submit: 'Save',
    fill: async (user) => {
      await user.clear(textbox(/Name/))
      await user.type(textbox(/Name/), 'Planner')
    },
    kept: () => expect(textbox(/Name/).value).toBe('Planner'),
    firstWrong: { field: /Name/, empty: /Name/ },
    done: { __typename: 'Agent', ...agent, name: 'Planner' },
    refusals: [{ answer: invalid('name'), field: /Name/ }, { answer: refused('AgentNotFound') }],
    failure: /The name was not saved\./,
    loss: /The name may have been saved\./,
  },
  'delete an agent': {
    ui: (onDone) => <DeleteAgentForm agent={agent} onDeleted={onDone} onCancel={() => undefined} />,
    operation: 'DeleteAgent',
    field: 'deleteAgent',
    submit: 'Delete',
    fill: (user) => user.type(textbox(/Type “Crawler”/), 'Crawler'),
    kept: () => expect(textbox(/Type “Crawler”/).value).toBe('Crawler'),
    firstWrong: { field: /Type “Crawler”/ },
    done: { __typename: 'AgentDeleted', agent, deletedKeys: [], keyAllowance: acme.keyAllowance },
    refusals: [{ answer: refused('AgentNotFound') }],
    failure: /The agent was not deleted\./,
    loss: /The agent may have been deleted\./,
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
