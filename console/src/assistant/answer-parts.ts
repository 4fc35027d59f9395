/** Finds in an answer's text what is also there as data, so that it is shown once, and as what it is. */
import type { Evidence, Message } from './operations'

export interface AnswerParts {
  /** CommonMark, up to where the evidence stands. */
  before: string
  evidence: readonly Evidence[]
  /** CommonMark, the rest, without the line that only names the sources. */
  after: string
}

export function answerParts({
  text,
  diagnosis,
  citations,
}: Pick<Message, 'text' | 'diagnosis' | 'citations'>): AnswerParts {
  const evidence = diagnosis?.evidence ?? []
  const blocks = withoutSources(text.split('\n\n'), citations)
  const listed = evidence.length === 0 ? -1 : blocks.findIndex((each) => isListOf(evidence, each))
  const place = listed < 0 ? blocks.length : listed
  return {
    before: blocks.slice(0, place).join('\n\n'),
    evidence,
    after: blocks.slice(place + 1).join('\n\n'),
  }
}

function isListOf(evidence: readonly Evidence[], block: string): boolean {
  const lines = block.split('\n')
  return (
    lines.length === evidence.length &&
    evidence.every(({ label }, place) => plain(lines[place] ?? '').startsWith(`- ${label}:`))
  )
}

function withoutSources(blocks: string[], citations: Message['citations']): string[] {
  const last = blocks.at(-1)
  const isSources =
    blocks.length > 1 &&
    citations.length > 0 &&
    last !== undefined &&
    !last.includes('\n') &&
    citations.every(({ url }) => last.includes(`](${url})`))
  return isSources ? blocks.slice(0, -1) : blocks
}

function plain(markdown: string): string {
  return markdown.replace(/\\([!-/:-@[-`{-~])/g, '$1')
}
