/** Says what may have happened after an answer was lost, and what the server shows now. */
import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { brand } from './brand'
import { lossReason, problem } from './errors'
import { RequestId } from './Trouble'
import type { Lost } from './use-submit'

export interface LostAnswerProps<Found> {
  lost: Lost<Found>
  /** *The key may have been created.* */
  what: string
  /** Where it is looked up: *the list of keys*. */
  where?: string
  /** What the server shows when nothing was done, so far. */
  absent: ReactNode
  found?: (found: Found) => ReactNode
}

export function LostAnswer<Found>({ lost, what, where, absent, found }: LostAnswerProps<Found>) {
  const { error, looked } = lost
  const reason = error && lossReason(error)
  const isFound = looked !== undefined && 'found' in looked
  return (
    <Alert
      color="yellow"
      variant="light"
      icon={<IconAlertTriangle />}
      role="alert"
      title={error ? 'The answer did not arrive' : 'No answer yet'}
    >
      <Stack gap="xs" align="flex-start">
        {!isFound && (
          <Text size="sm">
            {reason?.sentence} {what}
          </Text>
        )}
        {isFound
          ? found?.(looked.found)
          : where === undefined
            ? text(absent)
            : looked === undefined
              ? text(`Checking ${where} …`)
              : 'error' in looked
                ? text(
                    `The console looked in ${where}, but could not read it: ${uncapitalized(problem(looked.error).sentence)} “Try again” looks there first, and does not repeat what was already done.`,
                  )
                : text(absent)}
        {reason?.requestId && !isFound && <RequestId id={reason.requestId} />}
      </Stack>
    </Alert>
  )
}

function text(content: ReactNode) {
  return <Text size="sm">{content}</Text>
}

function uncapitalized(sentence: string): string {
  return sentence.startsWith(brand.name) ? sentence : sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
