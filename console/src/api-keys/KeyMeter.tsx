/** How many of the organization's key slots are taken, and what to do when all of them are. */
import { Group, Paper, Progress, Stack, Text } from '@mantine/core'
import { LeastUsedKeys } from './LeastUsedKeys'
import { leastUsed } from './least-used'
import type { ApiKey, KeyAllowance } from './operations'

interface Props {
  allowance: KeyAllowance
  keys: readonly ApiKey[]
  /** False for a member, who can't free a slot. */
  manages: boolean
  onDelete: (key: ApiKey) => void
}

export function KeyMeter({ allowance: { used, limit, remaining }, keys, manages, onDelete }: Props) {
  const full = remaining <= 0
  const living = keys.filter((each) => each.status === 'ACTIVE').length
  return (
    <Paper withBorder p="md">
      <Stack gap="xs">
        <Group justify="space-between" gap="xs">
          <Text size="sm" fw={600} id="key-meter">
            {used} of {limit} keys used
          </Text>
          {manages && living < used && (
            <Text size="xs" c="dimmed">
              You see {living}: those of the agents that you administer.
            </Text>
          )}
        </Group>
        <Progress.Root size="sm">
          <Progress.Section
            value={limit ? Math.min(100, (used / limit) * 100) : 100}
            color={full ? 'red' : remaining === 1 ? 'yellow' : undefined}
            aria-labelledby="key-meter"
          />
        </Progress.Root>
        {full && manages && (
          <>
            <Text size="sm">
              Every slot is taken. To free a slot, delete a key that is no longer needed. If you lost a
              secret, rotate its key instead: that needs no slot.
            </Text>
            <LeastUsedKeys keys={leastUsed(keys)} onDelete={onDelete} />
          </>
        )}
      </Stack>
    </Paper>
  )
}
