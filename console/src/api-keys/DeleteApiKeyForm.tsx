/** Says what deleting a key will break, and asks for its name when it was used within a day. */
import { Alert, Skeleton, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { author, capitalized } from '../shared/author'
import { FoundDone } from '../shared/FoundDone'
import { whenValid } from '../shared/invalid-input'
import { isSameName } from '../shared/names'
import { RelativeTime } from '../shared/RelativeTime'
import { SubmitForm } from '../shared/SubmitForm'
import { type Looked, useSubmit } from '../shared/use-submit'
import { useSignedIn } from '../shared/viewer'
import { useLooks } from './after-loss'
import { type ApiKey, aboutKeys, DeleteApiKey } from './operations'
import { useRecentUse } from './recent-use'

interface Props {
  apiKey: ApiKey
  onDeleted: () => void
  onCancel: () => void
}

const day = 24 * 60 * 60 * 1000

export function DeleteApiKeyForm({ apiKey, onDeleted, onCancel }: Props) {
  const looks = useLooks()
  const [inUse] = useState(
    () => apiKey.lastUsedAt !== null && Date.parse(apiKey.lastUsedAt) > Date.now() - day,
  )
  const form = useForm({
    initialValues: { name: '' },
    validate: {
      name: (value) => (!inUse || isSameName(value, apiKey.name) ? null : 'That is not the key’s name.'),
    },
  })
  const deletion = useSubmit({
    mutation: DeleteApiKey,
    about: aboutKeys,
    answerIn: (data) => data.deleteApiKey,
    look: async ({ input }): Promise<Looked<ApiKey | null>> => {
      const now = await looks.now(input.id)
      if ('error' in now) return now
      return now.apiKey?.deletedAt === null ? { absent: true } : { found: now.apiKey }
    },
    onAnswer: (answer) => {
      if (answer.__typename !== 'ApiKeyDeleted') return answer.message
      onDeleted()
    },
  })

  const { lost } = deletion
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onDeleted}>
        The answer did not arrive, but the key is deleted.
        <DeletedBy apiKey={lost.looked.found} />
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={deletion}
      onSubmit={whenValid(form, () => deletion.send({ input: { id: apiKey.id } }))}
      failure="The key was not deleted."
      loss={{
        what: 'The key may have been deleted.',
        where: 'the list of keys',
        absent: 'So far the key still exists and works.',
      }}
      label="Delete"
      color="red.9"
      doing="Deleting the key. This can no longer be stopped."
      onCancel={onCancel}
      focusCancel={!inUse}
    >
      <Alert color={inUse ? 'red' : 'gray'} variant="light">
        <Breaks apiKey={apiKey} inUse={inUse} />
      </Alert>
      <Text size="sm">
        The key stops working at once, and this can’t be undone. Its slot becomes free. The list of deleted
        keys keeps its name, who deleted it, and when.
      </Text>
      {inUse && (
        <TextInput
          label={`Type “${apiKey.name}” to delete it`}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          {...form.getInputProps('name')}
        />
      )}
    </SubmitForm>
  )
}

function Breaks({ apiKey, inUse }: { apiKey: ApiKey; inUse: boolean }) {
  const recent = useRecentUse(apiKey.id, inUse)
  if (!apiKey.lastUsedAt) return <Text size="sm">It was never used: deleting it breaks nothing.</Text>
  if (!inUse) {
    return (
      <Text size="sm">
        It was last used <RelativeTime at={apiKey.lastUsedAt} />, more than a day ago.
      </Text>
    )
  }
  return (
    <>
      <Text size="sm">
        <b>Its callers will be refused.</b> Last used <RelativeTime at={apiKey.lastUsedAt} />.
      </Text>
      {recent === 'loading' ? <Skeleton h={20} w="70%" mt={4} /> : <Text size="sm">{recent}</Text>}
    </>
  )
}

function DeletedBy({ apiKey }: { apiKey: ApiKey | null }) {
  const { viewer } = useSignedIn()
  if (!apiKey?.deletedAt) return null
  const { deletedAt, deletedBy, deletedByToken } = apiKey
  const who = deletedBy?.id === viewer.user.id ? 'You' : capitalized(author(deletedBy, deletedByToken))
  return (
    <>
      {' '}
      {who} deleted it <RelativeTime at={deletedAt} />.
    </>
  )
}
