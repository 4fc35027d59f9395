/** Tells a member what their role does not do, and who does. */
import { Stack, Text } from '@mantine/core'
import { Admins } from '../shared/Admins'

export function ForMembers() {
  return (
    <Stack gap="xs">
      <Text size="sm">
        Your role in this organization, member, manages no keys, and sees none. If you need one, or have a
        question about one, ask one of the organization’s admins:
      </Text>
      <Admins />
    </Stack>
  )
}
