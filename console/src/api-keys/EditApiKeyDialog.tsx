/** Gives a key another name: nothing else about it can be edited. */
import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { type CombinedError, useClient } from 'urql'
import { Dialog } from '../app/Dialog'
import { Trouble } from '../app/Trouble'
import { type KeyDialogProps, menuId } from './dialog-links'
import { RenameApiKey } from './operations'

export function EditApiKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  const client = useClient()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  const form = useForm({
    initialValues: { name: apiKey.name },
    validate: { name: (value) => (value.trim() ? null : 'Enter a name.') },
  })

  async function save({ name }: typeof form.values) {
    setBusy(true)
    setError(undefined)
    const result = await client.mutation(RenameApiKey, { input: { id: apiKey.id, name } }).toPromise()
    setBusy(false)
    const answer = result.data?.renameApiKey
    if (answer?.__typename === 'ApiKey') onClose()
    else if (answer) form.setFieldError('name', answer.message)
    else setError(result.error)
  }

  return (
    <Dialog title="Edit API key" onClose={onClose} focusAfter={[menuId(apiKey.id)]}>
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack>
          <TextInput
            label="Name"
            maxLength={64}
            data-autofocus
            autoComplete="off"
            {...form.getInputProps('name')}
          />
          <Text size="sm" c="dimmed">
            Its callers notice nothing. The scope can’t be edited: for another one, create another key and
            delete this one.
          </Text>
          {error && <Trouble error={error} what="The name was not saved." />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
