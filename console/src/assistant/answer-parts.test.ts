import { expect, test } from 'vitest'
import { answerParts } from './answer-parts'

const evidence = [
  { label: 'Deleted by', value: 'Nora', at: '2026-11-27T08:00:00Z' },
  { label: 'Key *one* [a_b]', value: '37 requests', at: null },
]
const listed = '- Deleted by: Nora, 27 November 2026 at 08:00 UTC\n- Key \\*one\\* \\[a_b\\]: 37 requests'
const citations = [
  { title: 'Errors', url: '/docs/errors' },
  { title: 'Delete', url: '/docs/guide/keys#delete' },
]
const sources = 'Read more: [Errors](/docs/errors) and [Delete](/docs/guide/keys#delete).'

function answer(text: string) {
  return { text, citations, diagnosis: { case: 'KEY_DELETED' as const, evidence } }
}

test('evidence that the text lists is taken out of it, and its place is kept', () => {
  const parts = answerParts(answer(`It was deleted.\n\nWhat I looked at:\n\n${listed}\n\n1. Create one.`))

  expect(parts).toEqual({ before: 'It was deleted.\n\nWhat I looked at:', evidence, after: '1. Create one.' })
})

test('the line that only names the sources is left out', () => {
  const parts = answerParts(answer(`It was deleted.\n\n${listed}\n\n${sources}`))

  expect(parts.after).toBe('')
})

test('words that are not the built-in ones are kept whole, with the evidence after them', () => {
  const text = 'Nora deleted it; see [Errors](/docs/errors).\n\n- Create one\n- Use it'

  expect(answerParts(answer(text))).toEqual({ before: text, evidence, after: '' })
})

test('an answer of one line that cites its sources is not taken for a list of them', () => {
  expect(answerParts(answer(sources)).before).toBe(sources)
})

test('text that is still being written is shown as it is', () => {
  const text = `It was deleted.\n\n${listed}`

  expect(answerParts({ text, diagnosis: null, citations: [] })).toEqual({
    before: text,
    evidence: [],
    after: '',
  })
})
