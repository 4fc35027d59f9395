/** Keeps a dialog open while what it is about disappears from the list, and says so if it was never there. */
import { Button, Group, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { Dialog } from './Dialog'
import { useKnown } from './use-known'

interface Props<Value> {
  value: Value | undefined
  /** Why it may be gone. */
  gone: string
  onClose: () => void
  focusAfter: string[]
  children: (value: Value) => ReactNode
}

export function Kept<Value>({ value, gone, onClose, focusAfter, children }: Props<Value>) {
  const known = useKnown(value)
  if (known) return children(known)
  return (
    <Dialog title="No longer there" onClose={onClose} focusAfter={focusAfter}>
      <Stack>
        <Text size="sm">{gone}</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
