/** Deletes a key, after saying what it will break. */
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { toast } from '../shared/toasts'
import { DeleteApiKeyForm } from './DeleteApiKeyForm'
import type { KeyDialogProps } from './operations'

export function DeleteApiKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  return (
    <Dialog
      title={`Delete “${apiKey.name}”?`}
      onClose={onClose}
      focusAfter={[menuId(apiKey.id), 'new-api-key']}
    >
      <DeleteApiKeyForm
        apiKey={apiKey}
        onDeleted={() => {
          toast(`The key “${apiKey.name}” was deleted.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}
