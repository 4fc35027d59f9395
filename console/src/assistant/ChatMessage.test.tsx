import { screen, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import { show } from '../testing/show'
import { ChatMessage } from './ChatMessage'
import type { Message } from './operations'

const text =
  'It was deleted.\n\nWhat I looked at:\n\n- Deleted by: Nora\n\nRead more: [Errors](/docs/errors).'
const diagnosis = {
  case: 'KEY_DELETED' as const,
  summary: 'The key *billing* was deleted.',
  evidence: [{ label: 'Deleted by', value: 'Nora [admin](https://elsewhere.example)', at: null }],
  steps: ['Create a new key.', 'Give it to <b>billing</b>.'],
  reading: null,
}

function message(more: Partial<Message> = {}): Message {
  return {
    id: 'msg_1',
    author: 'ASSISTANT',
    text,
    at: '2026-11-30T10:00:00Z',
    language: 'en',
    languageNote: null,
    diagnosis,
    citations: [{ title: 'Errors', url: '/docs/errors' }],
    actions: [],
    suggestedReplies: [],
    helpful: null,
    ...more,
  }
}

function showMessage(of: Message) {
  show(<ChatMessage entry={{ key: 'one', author: of.author, text: of.text, message: of }} />)
  return screen.getByRole('article')
}

test('An answer is shown from its data, letter by letter', () => {
  const answer = showMessage(message())

  expect(within(answer).getByText('The key *billing* was deleted.')).toBeTruthy()
  const evidence = within(within(answer).getByRole('list', { name: 'Evidence' })).getAllByRole('listitem')
  expect(evidence.map((each) => each.textContent)).toEqual([
    'Deleted byNora [admin](https://elsewhere.example)',
  ])
  const steps = within(answer).getAllByRole('listitem').slice(evidence.length)
  expect(steps.map((each) => each.textContent)).toEqual(diagnosis.steps)
  expect(answer.textContent).not.toContain('Read more')
})

test('A tentative answer ends with how the question was read', () => {
  const reading = 'I read your question as: “Why does my call fail?”'
  const answer = showMessage(message({ diagnosis: { ...diagnosis, reading } }))

  expect(answer.textContent).toMatch(
    /Give it to <b>billing<\/b>\.I read your question as: “Why does my call fail\?”/,
  )
})

test('It links to its citations on this server, and nowhere else', () => {
  const elsewhere = ['https://elsewhere.example', '//elsewhere.example', '/\\elsewhere.example'].map(
    (url) => ({
      title: 'Elsewhere',
      url,
    }),
  )
  const answer = showMessage(message({ citations: [{ title: 'Errors', url: '/docs/errors' }, ...elsewhere] }))

  const links = within(answer).getAllByRole('link')
  expect(links.map((each) => each.getAttribute('href'))).toEqual(['/docs/errors'])
})

test('The headings are in the language of the answer, which a screen reader is told', () => {
  const answer = showMessage(message({ language: 'de' }))

  expect(within(answer).getByText('Was ich angesehen habe:').closest('[lang]')?.getAttribute('lang')).toBe(
    'de',
  )
  expect(within(answer).getByText('Was zu tun ist:')).toBeTruthy()
  expect(answer.textContent).not.toContain('What to do')
})

test('An answer to another language begins with the sentence in that language', () => {
  const answer = showMessage(message({ languageNote: 'Ich antworte auf Englisch.' }))

  expect(answer.textContent).toMatch(/^Assistant: Ich antworte auf Englisch\.The key/)
})

test.each([
  ['one step', { ...diagnosis, steps: ['Create a new key.'] }],
  ['what happens next', { ...diagnosis, case: 'HUMAN_REQUESTED' as const }],
])('It numbers no steps where there is %s', (_, found) => {
  const answer = showMessage(message({ diagnosis: { ...found, evidence: [] } }))

  expect(within(answer).queryByRole('list')).toBeNull()
  expect(answer.textContent).toContain('Create a new key.')
  expect(answer.textContent).not.toContain('What to do:')
})

test('Without a diagnosis, the text is shown as CommonMark without links, images and HTML', () => {
  const answer = showMessage(
    message({
      diagnosis: null,
      text: '*Deleted*, see [Errors](/docs/errors). <b>x</b> ![](/x.png)\n\n- once',
    }),
  )

  expect(within(answer).getByRole('listitem').textContent).toContain('once')
  expect(answer.querySelector('em')?.textContent).toBe('Deleted')
  expect(answer.querySelector('a, b, img')).toBeNull()
  expect(answer.textContent).toContain('see Errors.')
})

test('A screen reader reads an answer once: not while it is being written', () => {
  show(<ChatMessage entry={{ key: 'one', author: 'ASSISTANT', text: 'It was' }} />)

  expect(screen.getByText('It was').closest('[aria-hidden=true]')).not.toBeNull()
})

test('A person’s message is plain text', () => {
  const own = showMessage(message({ author: 'PERSON', text: 'Why *401*?\n<b>x</b>', diagnosis: null }))

  expect(own.textContent).toBe('You: Why *401*?\n<b>x</b>')
})
