/** Tells members that they can't manage keys, and who can. */
import { Stack, Text } from '@mantine/core'
import { Admins } from '../shared/Admins'
import { AskForKey } from './AskForKey'

export function ForMembers() {
  return (
    <Stack gap="xs">
      <Text size="sm">
        Your role in this organization is member. Members can’t see or manage API keys. If you need a key, ask
        the organization admins for one:
      </Text>
      <Admins />
      <AskForKey />
    </Stack>
  )
}
