/** One message: the person's as plain text, the assistant's from the data of its diagnosis. */
import { Stack, VisuallyHidden } from '@mantine/core'
import type { ReactNode } from 'react'
import { AnswerText } from './AnswerText'
import classes from './assistant.module.css'
import { Citations } from './Citations'
import { DiagnosisText, Paragraph } from './DiagnosisText'
import type { Entry } from './use-chat'

interface Props {
  entry: Entry
  /** What can be done with it. */
  children?: ReactNode
}

export function ChatMessage({ entry: { author, text, message }, children }: Props) {
  if (author === 'PERSON') {
    return (
      <article className={classes.person} data-author={author}>
        <VisuallyHidden>You: </VisuallyHidden>
        <Paragraph>{text}</Paragraph>
      </article>
    )
  }
  return (
    <article className={classes.assistant} data-author={author}>
      <Stack gap="xs">
        <VisuallyHidden>Assistant: </VisuallyHidden>
        {message?.diagnosis ? (
          <>
            {message.languageNote && <Paragraph>{message.languageNote}</Paragraph>}
            <Stack gap="xs" lang={message.language ?? undefined}>
              <DiagnosisText diagnosis={message.diagnosis} language={message.language} />
            </Stack>
            <Citations citations={message.citations} />
          </>
        ) : (
          // A screen reader reads the answer once, when it is complete and shown as its diagnosis.
          <div aria-hidden={message === undefined}>
            <AnswerText text={text} />
          </div>
        )}
        {children}
      </Stack>
    </article>
  )
}
