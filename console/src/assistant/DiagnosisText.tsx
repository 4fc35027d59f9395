/** What the assistant found: the verdict, the evidence for it, what to do, and how the question was read if in doubt. */
import { List, Text } from '@mantine/core'
import classes from './assistant.module.css'
import { EvidenceList } from './EvidenceList'
import { headingsIn } from './headings'
import type { Diagnosis } from './operations'

interface Props {
  diagnosis: Diagnosis
  /** The tag of the language that it is in. */
  language: string | null
}

export function DiagnosisText({ diagnosis, language }: Props) {
  const { summary, evidence, reading } = diagnosis
  return (
    <>
      <Paragraph>{summary}</Paragraph>
      {evidence.length > 0 && (
        <>
          <Paragraph>{headingsIn(language).lookedAt}</Paragraph>
          <EvidenceList evidence={evidence} />
        </>
      )}
      <Steps diagnosis={diagnosis} language={language} />
      {reading && <Paragraph>{reading}</Paragraph>}
    </>
  )
}

function Steps({ diagnosis: { case: found, steps }, language }: Props) {
  // One step needs no number. Somebody who wants a person is told what happens next, and what else they can do.
  if (steps.length < 2 || found === 'HUMAN_REQUESTED') {
    return steps.map((each) => <Paragraph key={each}>{each}</Paragraph>)
  }
  return (
    <>
      <Paragraph>{headingsIn(language).whatToDo}</Paragraph>
      <List type="ordered" size="sm" spacing={4} className={classes.steps}>
        {steps.map((each) => (
          <List.Item key={each}>{each}</List.Item>
        ))}
      </List>
    </>
  )
}

export function Paragraph({ children }: { children: string }) {
  return (
    <Text size="sm" className={classes.plain}>
      {children}
    </Text>
  )
}
