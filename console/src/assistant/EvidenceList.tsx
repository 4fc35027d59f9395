/** The facts that an answer rests on, each with its instant. */
import { Text } from '@mantine/core'
import { RelativeTime } from '../shared/RelativeTime'
import classes from './assistant.module.css'
import type { Evidence } from './operations'

export function EvidenceList({ evidence }: { evidence: readonly Evidence[] }) {
  if (evidence.length === 0) return null
  return (
    <ul className={classes.evidence} aria-label="Evidence">
      {evidence.map(({ label, value, at }) => (
        <li key={`${label} ${value}`}>
          <Text size="xs" c="dimmed" component="span">
            {label}
            {at && (
              <>
                {' · '}
                <RelativeTime at={at} />
              </>
            )}
          </Text>
          <Text size="sm">{value}</Text>
        </li>
      ))}
    </ul>
  )
}
