/** What a page shows instead of its list: while it loads, and when it is empty. */
import { Button, Paper, Skeleton, Stack, Text } from '@mantine/core'
import { IconRobot } from '@tabler/icons-react'
import type { ReactNode } from 'react'

export function LoadingRows() {
  return (
    <Stack gap="xs" aria-label="Loading" role="status">
      {[0, 1, 2].map((row) => (
        <Skeleton key={row} h={56} />
      ))}
    </Stack>
  )
}

interface Props {
  title: string
  /** What the first one would be good for. */
  children: ReactNode
  /** The words of the button that begins to create one. */
  action: string
  onNew: () => void
}

export function NoneYet({ title, children, action, onNew }: Props) {
  return (
    <Paper withBorder p="xl">
      <Stack align="center" gap="xs">
        <IconRobot size={32} stroke={1.5} aria-hidden />
        <Text fw={600}>{title}</Text>
        <Text size="sm" ta="center" maw={460}>
          {children}
        </Text>
        <Button mt="xs" onClick={onNew}>
          {action}
        </Button>
      </Stack>
    </Paper>
  )
}
