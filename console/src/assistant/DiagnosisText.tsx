/** What the assistant found: the verdict, the evidence for it, and what to do. */
import { List, Text } from '@mantine/core'
import classes from './assistant.module.css'
import { EvidenceList } from './EvidenceList'
import type { Diagnosis } from './operations'

export function DiagnosisText({ diagnosis }: { diagnosis: Diagnosis }) {
  const { summary, evidence } = diagnosis
  return (
    <>
      <Paragraph>{summary}</Paragraph>
      {evidence.length > 0 && (
        <>
          <Paragraph>What I looked at:</Paragraph>
          <EvidenceList evidence={evidence} />
        </>
      )}
      <Steps diagnosis={diagnosis} />
    </>
  )
}

function Steps({ diagnosis: { case: found, steps } }: { diagnosis: Diagnosis }) {
  // One step needs no number. Somebody who wants a person is told what happens next, and what else they can do.
  if (steps.length < 2 || found === 'HUMAN_REQUESTED') {
    return steps.map((each) => <Paragraph key={each}>{each}</Paragraph>)
  }
  return (
    <>
      <Paragraph>What to do:</Paragraph>
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
