/** Lists the keys to delete first to free a slot, each with a button. */
import { Button, Group, Stack, Text } from '@mantine/core'
import { RelativeTime } from '../shared/RelativeTime'
import type { ApiKey } from './operations'

const shown = 3

interface Props {
  keys: readonly ApiKey[]
  onDelete: (key: ApiKey) => void
}

export function LeastUsedKeys({ keys, onDelete }: Props) {
  if (keys.length === 0) {
    return <Text size="sm">You are not allowed to delete any of them. Ask an organization admin.</Text>
  }
  return (
    <Stack component="ul" gap={6} m={0} p={0} aria-label="Keys that you can delete, the least used first">
      {keys.slice(0, shown).map((each) => (
        <Group
          component="li"
          key={each.id}
          justify="space-between"
          wrap="nowrap"
          style={{ listStyle: 'none' }}
        >
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {each.name},{' '}
            <Text span c="dimmed" size="sm">
              {each.lastUsedAt ? (
                <>
                  last used <RelativeTime at={each.lastUsedAt} />
                </>
              ) : (
                'never used'
              )}
            </Text>
          </Text>
          <Button
            size="compact-sm"
            variant="default"
            style={{ flexShrink: 0 }}
            aria-label={`Delete ${each.name}`}
            onClick={() => onDelete(each)}
          >
            Delete
          </Button>
        </Group>
      ))}
    </Stack>
  )
}
