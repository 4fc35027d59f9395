/** Says what went wrong, where it went wrong, with the request id and a way to try again. */
import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import type { CombinedError } from 'urql'
import { problem } from './errors'

interface Props {
  error: CombinedError
  /** What could not be done, as the sentence's beginning: *The keys could not be read.* */
  what?: string
  onRetry?: () => void
}

export function Trouble({ error, what, onRetry }: Props) {
  const { sentence, requestId } = problem(error)
  return (
    <Alert color="red" variant="light" icon={<IconAlertCircle />} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">
          {what} {sentence}
        </Text>
        {requestId && <RequestId id={requestId} />}
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

export function RequestId({ id }: { id: string }) {
  return (
    <Group gap="xs">
      <Text size="xs">
        Request id <Code>{id}</Code>
      </Text>
      <CopyButton value={id}>
        {({ copied, copy }) => (
          <Button size="compact-xs" variant="subtle" onClick={copy}>
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </Group>
  )
}
