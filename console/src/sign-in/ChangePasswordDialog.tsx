/** Changes the signed-in person's password, and says that their other sessions have ended. */
import { Button, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { useSignedIn } from '../shared/viewer'
import { ChangePasswordForm } from './ChangePasswordForm'

export function ChangePasswordDialog({ onClose }: { onClose: () => void }) {
  const { viewer } = useSignedIn()
  const [changed, setChanged] = useState(false)

  return (
    <Dialog title="Change password" onClose={onClose} focusAfter={['user-menu']}>
      {changed ? (
        <Stack>
          <Text size="sm" role="status">
            Your password was changed. Your sessions in other browsers were ended.
          </Text>
          <Group justify="flex-end">
            <Button onClick={onClose} data-autofocus>
              Done
            </Button>
          </Group>
        </Stack>
      ) : (
        <ChangePasswordForm
          email={viewer.user.email}
          currentLabel="Current password"
          onChanged={() => setChanged(true)}
          onCancel={onClose}
        />
      )}
    </Dialog>
  )
}
