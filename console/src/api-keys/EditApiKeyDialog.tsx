/** Renames a key. Nothing else about it can be edited. */
import { Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { isSameName, nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { type Looked, useSubmit } from '../shared/use-submit'
import { useLooks } from './after-loss'
import { type ApiKey, aboutKeys, type KeyDialogProps, RenameApiKey } from './operations'

export function EditApiKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  return (
    <Dialog title="Edit API key" onClose={onClose} focusAfter={[menuId(apiKey.id)]}>
      <EditApiKeyForm apiKey={apiKey} onClose={onClose} />
    </Dialog>
  )
}

function EditApiKeyForm({ apiKey, onClose }: KeyDialogProps) {
  const looks = useLooks()
  const form = useForm({
    initialValues: { name: apiKey.name },
    validate: { name: (value) => nameProblem(value, 'Enter a name.') },
  })
  const renaming = useSubmit({
    mutation: RenameApiKey,
    about: aboutKeys,
    answerIn: (data) => data.renameApiKey,
    look: async ({ input }): Promise<Looked<ApiKey>> => {
      const now = await looks.now(input.id)
      if ('error' in now) return now
      return now.apiKey && isSameName(now.apiKey.name, input.name) ? { found: now.apiKey } : { absent: true }
    },
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      if (answer.__typename === 'ApiKeyNotFound') return answer.message
      toast(`The key is called “${answer.name}” now.`)
      onClose()
    },
  })

  const { lost } = renaming
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onClose}>
        The answer did not arrive, but the name was saved: the key is called “{lost.looked.found.name}” now.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={renaming}
      onSubmit={whenValid(form, ({ name }) => renaming.send({ input: { id: apiKey.id, name } }))}
      failure="The name was not saved."
      loss={{
        what: 'The name may have been saved.',
        where: 'the list of keys',
        absent: `So far the list of keys shows the old name, “${apiKey.name}”.`,
      }}
      label="Save"
      doing="Saving the name."
      onCancel={onClose}
    >
      <TextInput label="Name" data-autofocus autoComplete="off" {...form.getInputProps('name')} />
      <Text size="sm" c="dimmed">
        Programs that use the key are not affected. The scope can’t be edited. For another scope, create a new
        key and delete this one.
      </Text>
    </SubmitForm>
  )
}
