/** Tells an agent admin without agents why they can't create a key, and what they can do. */
import { Stack, Text } from '@mantine/core'
import { Admins } from '../shared/Admins'
import { AskForKey } from './AskForKey'

export function WithoutAgents() {
  return (
    <Stack gap="xs">
      <Text size="sm">
        Your role in this organization is agent admin, but you don’t administer an agent yet, so you can’t
        create keys. Ask an organization admin for an agent, or for a key:
      </Text>
      <Admins />
      <AskForKey />
    </Stack>
  )
}
