/** One message: the person's as plain text, the assistant's with all that belongs to its answer. */
import { Stack, Text, VisuallyHidden } from '@mantine/core'
import type { ReactNode } from 'react'
import { AnswerText } from './AnswerText'
import { answerParts } from './answer-parts'
import classes from './assistant.module.css'
import { Citations } from './Citations'
import { EvidenceList } from './EvidenceList'
import type { Entry } from './use-chat'

interface Props {
  entry: Entry
  /** What can be done with it. */
  children?: ReactNode
}

const notStoredYet = { diagnosis: null, citations: [] }

export function ChatMessage({ entry, children }: Props) {
  const { author, text, message } = entry
  if (author === 'PERSON') {
    return (
      <article className={classes.person} data-author={author}>
        <VisuallyHidden>You: </VisuallyHidden>
        <Text size="sm" className={classes.plain}>
          {text}
        </Text>
      </article>
    )
  }
  const citations = message?.citations ?? notStoredYet.citations
  const { before, evidence, after } = answerParts(message ?? { ...notStoredYet, text })
  return (
    <article className={classes.assistant} data-author={author}>
      <Stack gap="xs">
        <VisuallyHidden>Assistant: </VisuallyHidden>
        <AnswerText text={before} citations={citations} />
        <EvidenceList evidence={evidence} />
        <AnswerText text={after} citations={citations} />
        <Citations citations={citations} />
        {children}
      </Stack>
    </article>
  )
}
