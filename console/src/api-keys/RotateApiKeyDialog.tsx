/** Gives a key a new secret, and asks first what becomes of the old one. */
import { Alert, Button, Group, Radio, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { type CombinedError, useClient } from 'urql'
import { Dialog } from '../app/Dialog'
import { RelativeTime } from '../app/RelativeTime'
import { Trouble } from '../app/Trouble'
import { type KeyDialogProps, menuId } from './dialog-links'
import { RotateApiKey } from './operations'
import { SecretPanel } from './SecretPanel'

const overlaps = [
  {
    seconds: '0',
    label: 'No overlap',
    description: 'It stops at once. For a secret that was seen by others, or was lost.',
  },
  { seconds: '3600', label: 'Works on for 1 hour', description: 'Callers change over one by one.' },
  { seconds: '28800', label: 'Works on for 8 hours' },
  { seconds: '86400', label: 'Works on for 1 day' },
]

export function RotateApiKeyDialog({ apiKey, onClose }: KeyDialogProps) {
  const client = useClient()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<CombinedError>()
  const [refused, setRefused] = useState<string>()
  const [secret, setSecret] = useState<string>()
  const [copied, setCopied] = useState(false)
  // None is chosen beforehand: one breaks callers, the others leave a leaked secret alive.
  const form = useForm({
    initialValues: { overlap: '' },
    validate: { overlap: (value) => (value ? null : 'Choose what becomes of the old secret.') },
  })
  const older = apiKey.previousSecretWorksUntil

  async function rotate({ overlap }: typeof form.values) {
    setBusy(true)
    setError(undefined)
    setRefused(undefined)
    const input = { id: apiKey.id, overlapSeconds: Number(overlap) }
    const result = await client.mutation(RotateApiKey, { input }).toPromise()
    setBusy(false)
    const answer = result.data?.rotateApiKey
    if (answer?.__typename === 'ApiKeyIssued') setSecret(answer.secret)
    else if (answer) setRefused(answer.message)
    else setError(result.error)
  }

  const title = secret ? `“${apiKey.name}” was rotated` : `Rotate “${apiKey.name}”`
  return (
    <Dialog
      title={title}
      onClose={onClose}
      locked={secret !== undefined && !copied}
      focusAfter={[menuId(apiKey.id)]}
    >
      {secret ? (
        <SecretPanel secret={secret} copied={copied} onCopied={() => setCopied(true)} onDone={onClose} />
      ) : (
        <form onSubmit={form.onSubmit(rotate)} noValidate>
          <Stack>
            <Text size="sm">
              The key gets a new secret. Its id, name, scope and slot stay, so this also works when every slot
              is taken.
            </Text>
            {older && (
              <Alert color="yellow">
                The secret before still works, and ends <RelativeTime at={older} />.{' '}
                {apiKey.previousSecretLastUsedAt ? (
                  <>
                    It was last used <RelativeTime at={apiKey.previousSecretLastUsedAt} />.
                  </>
                ) : (
                  'It was not used since.'
                )}{' '}
                Rotating again ends it at once.
              </Alert>
            )}
            <Radio.Group label="The old secret" {...form.getInputProps('overlap')}>
              <Stack gap="xs" my={6}>
                {overlaps.map(({ seconds, label, description }, index) => (
                  <Radio
                    key={seconds}
                    value={seconds}
                    label={label}
                    description={description}
                    data-autofocus={index === 0 || undefined}
                  />
                ))}
              </Stack>
            </Radio.Group>
            {refused && (
              <Alert color="red" role="alert">
                {refused}
              </Alert>
            )}
            {error && <Trouble error={error} what="The key was not rotated, as far as is known." />}
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={busy}>
                Rotate
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
