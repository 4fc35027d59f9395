/** What was asked for was done although its answer was lost: says so, with the way out. */
import { Button, Group, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

export function FoundDone({ children, onClose }: { children: ReactNode; onClose: () => void }) {
  return (
    <Stack>
      <Text size="sm" role="status">
        {children}
      </Text>
      <Group justify="flex-end">
        <Button onClick={onClose} autoFocus>
          Close
        </Button>
      </Group>
    </Stack>
  )
}
