/** Shown while there are no keys: what a key is for, and how to create the first one. */
import { Anchor, Button, Paper, Stack, Text } from '@mantine/core'
import { IconKey } from '@tabler/icons-react'
import { useOrganization } from '../shared/viewer'

export function NoKeysYet({ withDeleted, onNew }: { withDeleted: boolean; onNew: () => void }) {
  const { viewerRole } = useOrganization()
  return (
    <Paper withBorder p="xl">
      <Stack align="center" gap="xs">
        <IconKey size={32} stroke={1.5} aria-hidden />
        <Text fw={600}>{viewerRole === 'AGENT_ADMIN' ? 'Your agents have no keys yet' : 'No keys yet'}</Text>
        <Text size="sm" ta="center" maw={460}>
          A key lets a program call your agents. Give each program its own key, named after the program. Then
          you can delete one key without stopping the other programs.
        </Text>
        <Button mt="xs" onClick={onNew}>
          Create the first key
        </Button>
        <Text size="sm" c="dimmed">
          <Anchor href="/docs/guide/getting-started#your-first-key">Your first key</Anchor>
          {!withDeleted && ' · To see deleted keys, use the switch above.'}
        </Text>
      </Stack>
    </Paper>
  )
}
