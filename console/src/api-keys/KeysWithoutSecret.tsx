/** A key was created, but its secret was lost with the answer: what can be done with it. */
import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useKeyDialogs } from '../shared/dialog-links'
import { RelativeTime } from '../shared/RelativeTime'
import type { ApiKey, KeyRequest } from './operations'

interface Props {
  /** More than one only if this person created several of that name since the form was opened. */
  keys: readonly ApiKey[]
  /** The request that the key was created for. */
  request?: KeyRequest
  onClose: () => void
}

export function KeysWithoutSecret({ keys, request, onClose }: Props) {
  const { open } = useKeyDialogs()
  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle />} role="alert" title="The answer did not arrive">
        <Text size="sm">
          {keys.length === 1
            ? 'The key was created all the same, and takes a slot. Its secret was lost with the answer, and nobody can show it again. Rotate the key to get a new secret, or delete it.'
            : `The list of keys has ${keys.length} new keys of yours with this name. A secret that did not arrive can’t be shown again. Rotate a key to get a new secret, or delete what you don’t need.`}
        </Text>
        {request && (
          <Text size="sm" mt="xs" style={{ overflowWrap: 'anywhere' }}>
            The request of {request.requestedBy.name} is still open. Dismiss it in the list of requests once{' '}
            {request.requestedBy.name} has a secret.
          </Text>
        )}
      </Alert>
      <Stack component="ul" gap="sm" m={0} p={0} aria-label="Keys whose secret was lost">
        {keys.map((each) => (
          <Group key={each.id} component="li" justify="space-between" style={{ listStyle: 'none' }}>
            <Stack gap={2} miw={0}>
              <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
                {each.name}
              </Text>
              <Text size="xs" c="dimmed">
                <Code>{each.hint}</Code> created <RelativeTime at={each.createdAt} /> by you
              </Text>
            </Stack>
            <Group gap="xs">
              <Button size="xs" onClick={() => open('rotate', each.id)} autoFocus={each === keys[0]}>
                Rotate
              </Button>
              <Button
                size="xs"
                variant="default"
                c="var(--mantine-color-error)"
                onClick={() => open('delete', each.id)}
              >
                Delete
              </Button>
            </Group>
          </Group>
        ))}
      </Stack>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Close
        </Button>
      </Group>
    </Stack>
  )
}
