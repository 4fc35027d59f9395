/** Says what deleting a key will break, and asks for its name when it was used within a day. */
import { Alert, Button, Group, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { type CombinedError, useClient } from 'urql'
import { RelativeTime } from '../app/RelativeTime'
import { Trouble } from '../app/Trouble'
import { type ApiKey, DeleteApiKey } from './operations'
import { useRecentUse } from './recent-use'

interface Props {
  apiKey: ApiKey
  onDeleted: () => void
  onCancel: () => void
}

const day = 24 * 60 * 60 * 1000

export function DeleteApiKeyForm({ apiKey, onDeleted, onCancel }: Props) {
  const client = useClient()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  const [refused, setRefused] = useState<string>()
  const [inUse] = useState(
    () => apiKey.lastUsedAt !== null && Date.parse(apiKey.lastUsedAt) > Date.now() - day,
  )
  const form = useForm({
    initialValues: { name: '' },
    validate: {
      name: (value) => (!inUse || same(value, apiKey.name) ? null : 'That is not the key’s name.'),
    },
  })

  async function remove() {
    setBusy(true)
    setError(undefined)
    setRefused(undefined)
    const result = await client.mutation(DeleteApiKey, { input: { id: apiKey.id } }).toPromise()
    setBusy(false)
    const answer = result.data?.deleteApiKey
    if (answer?.__typename === 'ApiKeyDeleted') onDeleted()
    else if (answer) setRefused(answer.message)
    else setError(result.error)
  }

  return (
    <form onSubmit={form.onSubmit(remove)} noValidate>
      <Stack>
        <Alert color={inUse ? 'red' : 'gray'} variant="light">
          <Breaks apiKey={apiKey} inUse={inUse} />
        </Alert>
        <Text size="sm">
          It is revoked at once, and that can’t be undone. Its slot is free again. The key stays in the list
          of deleted keys, with who deleted it and when.
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
        {refused && (
          <Alert color="red" role="alert">
            {refused}
          </Alert>
        )}
        {error && <Trouble error={error} what="The key was not deleted, as far as is known." />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel} data-autofocus={inUse ? undefined : true}>
            Cancel
          </Button>
          <Button type="submit" color="red.9" loading={busy}>
            Delete
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Breaks({ apiKey, inUse }: { apiKey: ApiKey; inUse: boolean }) {
  const recent = useRecentUse(apiKey.id, inUse)
  if (!apiKey.lastUsedAt) return <Text size="sm">It was never used: deleting it breaks nothing.</Text>
  if (!inUse) {
    return (
      <Text size="sm">
        It was last used <RelativeTime at={apiKey.lastUsedAt} />, and not within a day.
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

function same(typed: string, name: string): boolean {
  return typed.normalize('NFC').trim() === name.normalize('NFC').trim()
}
