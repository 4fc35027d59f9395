/** Says that the change was made although its answer was lost. */
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
