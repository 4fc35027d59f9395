/** Gives a key a new secret: a form, then the secret. */
import { useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import type { KeyDialogProps } from './operations'
import { RotateApiKeyForm } from './RotateApiKeyForm'
import { SecretPanel } from './SecretPanel'

export function RotateApiKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  const [secret, setSecret] = useState<string>()
  const title = secret ? `“${apiKey.name}” was rotated` : `Rotate “${apiKey.name}”`
  return (
    <Dialog title={title} onClose={onClose} focusAfter={[menuId(apiKey.id)]}>
      {secret ? (
        <SecretPanel secret={secret} onDone={onClose} />
      ) : (
        <RotateApiKeyForm apiKey={apiKey} onSecret={setSecret} onCancel={onClose} />
      )}
    </Dialog>
  )
}
