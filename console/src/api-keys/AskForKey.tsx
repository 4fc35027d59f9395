/** A button that opens the form in which somebody asks the organization's admins for a key. */
import { Button } from '@mantine/core'
import { IconSend } from '@tabler/icons-react'
import { useKeyDialogs } from '../shared/dialog-links'

export function AskForKey() {
  const { open } = useKeyDialogs()
  return (
    <Button
      id="ask-for-key"
      variant="default"
      w="fit-content"
      mt="xs"
      leftSection={<IconSend size={16} />}
      onClick={() => open('ask')}
    >
      Ask for a key
    </Button>
  )
}
