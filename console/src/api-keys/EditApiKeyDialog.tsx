/** Gives a key another name: nothing else about it can be edited. */
import { Alert, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FormButtons } from '../shared/FormButtons'
import { showInvalid } from '../shared/invalid-input'
import { LostAnswer } from '../shared/LostAnswer'
import { Trouble } from '../shared/Trouble'
import { type Looked, useSubmit } from '../shared/use-submit'
import { useLooks } from './after-loss'
import { FoundDone } from './FoundDone'
import { isSameName, nameProblem } from './names'
import type { KeyDialogProps } from './operations'
import { type ApiKey, aboutKeys, RenameApiKey } from './operations'

export function EditApiKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  return (
    <Dialog title="Edit API key" onClose={onClose} focusAfter={[menuId(apiKey.id)]}>
      <EditApiKeyForm apiKey={apiKey} onClose={onClose} />
    </Dialog>
  )
}

function EditApiKeyForm({ apiKey, onClose }: KeyDialogProps) {
  const looks = useLooks()
  const [refused, setRefused] = useState<string>()
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
      if (answer.__typename === 'ApiKey') onClose()
      else if (answer.__typename === 'ApiKeyNotFound' || !showInvalid(form, answer))
        setRefused(answer.message)
    },
  })

  function save({ name }: typeof form.values) {
    setRefused(undefined)
    renaming.send({ input: { id: apiKey.id, name } })
  }

  const { lost } = renaming
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onClose}>
        The answer did not arrive, but the name was saved: the key is called “{lost.looked.found.name}” now.
      </FoundDone>
    )
  }
  return (
    <form onSubmit={form.onSubmit(save)} noValidate>
      <Stack>
        <TextInput label="Name" data-autofocus autoComplete="off" {...form.getInputProps('name')} />
        <Text size="sm" c="dimmed">
          Its callers notice nothing. The scope can’t be edited: for another one, create another key and
          delete this one.
        </Text>
        {refused && (
          <Alert color="red" role="alert">
            {refused}
          </Alert>
        )}
        {renaming.error && <Trouble error={renaming.error} what="The name was not saved." />}
        {lost && (
          <LostAnswer
            lost={lost}
            what="The name may have been saved."
            where="the list of keys"
            absent={`So far the list of keys shows the old name, “${apiKey.name}”.`}
          />
        )}
        <FormButtons submission={renaming} label="Save" doing="Saving the name." onCancel={onClose} />
      </Stack>
    </form>
  )
}
