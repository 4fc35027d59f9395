/** What identifies the key: scope, hint, creator, and whether it was deleted. */
import { Alert, Group, Text } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import type { ApiKey } from '../api-keys/operations'
import { ScopeOf } from '../api-keys/ScopeOf'
import { author } from '../shared/author'
import { RelativeTime } from '../shared/RelativeTime'

export function AboutKey({ apiKey }: { apiKey: ApiKey }) {
  return (
    <>
      <Group gap="md" style={{ rowGap: 4 }}>
        <ScopeOf apiKey={apiKey} />
        <Text size="sm" ff="monospace">
          {apiKey.hint}
        </Text>
        <Text size="sm" c="dimmed">
          Created <RelativeTime at={apiKey.createdAt} /> by {author(apiKey.createdBy, apiKey.createdByToken)}
        </Text>
      </Group>
      {apiKey.deletedAt && (
        <Alert color="gray" icon={<IconTrash />} mt="xs">
          This key was deleted <RelativeTime at={apiKey.deletedAt} /> by{' '}
          {author(apiKey.deletedBy, apiKey.deletedByToken)}. Requests that still use it get 401. They are
          listed below, under <em>Refused requests</em>.
        </Alert>
      )}
    </>
  )
}
