/** Asks what happens to a key's old secret, and gives the key a new one. */
import { Alert, Code, Radio, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { authorOfEvent, capitalized } from '../shared/author'
import { whenValid } from '../shared/invalid-input'
import { RelativeTime } from '../shared/RelativeTime'
import { SubmitForm } from '../shared/SubmitForm'
import { useSubmit } from '../shared/use-submit'
import { useSignedIn } from '../shared/viewer'
import { type AfterRotation, useLooks } from './after-loss'
import { type ApiKey, aboutKeys, RotateApiKey } from './operations'

const overlaps = [
  {
    seconds: '0',
    label: 'No overlap',
    description: 'The old secret stops working at once. Choose this if others saw it, or if it was lost.',
  },
  {
    seconds: '3600',
    label: 'Works for 1 more hour',
    description: 'Callers can switch to the new secret one by one.',
  },
  { seconds: '28800', label: 'Works for 8 more hours' },
  { seconds: '86400', label: 'Works for 1 more day' },
]

interface Props {
  apiKey: ApiKey
  onSecret: (secret: string) => void
  onCancel: () => void
}

export function RotateApiKeyForm({ apiKey, onSecret, onCancel }: Props) {
  const looks = useLooks()
  // No option is preselected: the first one breaks callers, the others keep a leaked secret alive.
  const form = useForm({
    initialValues: { overlap: '' },
    validate: { overlap: (value) => (value ? null : 'Choose what happens to the old secret.') },
  })
  const rotation = useSubmit({
    mutation: RotateApiKey,
    about: { additionalTypenames: [...aboutKeys.additionalTypenames, 'AuditEvent'] },
    answerIn: (data) => data.rotateApiKey,
    before: () => apiKey.hint,
    look: ({ input }, before: string) => looks.rotated(input.id, before),
    onAnswer: (answer) => {
      if (answer.__typename !== 'ApiKeyIssued') return answer.message
      onSecret(answer.secret)
    },
  })

  function rotate({ overlap }: typeof form.values) {
    rotation.send({ input: { id: apiKey.id, overlapSeconds: Number(overlap) } })
  }

  const { lost } = rotation
  const isRotated = lost?.looked !== undefined && 'found' in lost.looked
  return (
    <SubmitForm
      submission={rotation}
      onSubmit={whenValid(form, rotate)}
      failure="The key was not rotated."
      loss={{
        what: 'The key may have been rotated.',
        where: 'the list of keys',
        absent: (
          <>
            So far the key has its old secret, the one that ends in <Code>{lastFour(apiKey)}</Code>. That may
            still change: “Try again” checks first, and rotates the key only if it was not rotated.
          </>
        ),
        found: (found) => <Rotated found={found} mayStillArrive={lost?.error === undefined} />,
      }}
      label="Rotate"
      labelWhenFound="Rotate again"
      doing="Rotating the key. Its new secret is shown here, and only once."
      onCancel={onCancel}
    >
      <Text size="sm">
        The key gets a new secret. Its id, name, scope and slot stay, so this also works when every slot is
        taken.
      </Text>
      {!lost && <OlderSecret apiKey={apiKey} />}
      <Radio.Group
        label={isRotated ? 'The secret that did not arrive' : 'The old secret'}
        {...form.getInputProps('overlap')}
      >
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
    </SubmitForm>
  )
}

function OlderSecret({ apiKey }: { apiKey: ApiKey }) {
  const { previousSecretWorksUntil: until, previousSecretLastUsedAt: lastUsedAt } = apiKey
  if (!until) return null
  return (
    <Alert color="yellow">
      The previous secret still works, and ends <RelativeTime at={until} />.{' '}
      {lastUsedAt ? (
        <>
          It was last used <RelativeTime at={lastUsedAt} />.
        </>
      ) : (
        'It has not been used since the rotation.'
      )}{' '}
      Rotating again ends it at once.
    </Alert>
  )
}

/** What the server shows after the answer to a rotation was lost. The audit log says who rotated the key. */
function Rotated({ found, mayStillArrive }: { found: AfterRotation; mayStillArrive: boolean }) {
  const { viewer } = useSignedIn()
  const { apiKey, rotation } = found
  if (apiKey.deletedAt) return <Text size="sm">The key was deleted in the meantime.</Text>
  const until = apiKey.previousSecretWorksUntil
  const isOwn = rotation === undefined || rotation.actor?.id === viewer.user.id
  const who = isOwn ? 'You' : capitalized(authorOfEvent(rotation))
  return (
    <>
      <Text size="sm">
        {rotation ? (
          <>
            {who} rotated the key <RelativeTime at={rotation.at} />.{' '}
          </>
        ) : (
          'The key was rotated. '
        )}
        Its new secret ends in <Code>{lastFour(apiKey)}</Code>
        {mayStillArrive ? ', and may still arrive here.' : ', did not arrive here, and can’t be shown again.'}{' '}
        {until ? (
          <>
            The old secret ends <RelativeTime at={until} />.
          </>
        ) : (
          'The old secret no longer works.'
        )}
      </Text>
      {!isOwn && <Text size="sm">Ask first: rotating the key again replaces the secret that they have.</Text>}
      <Text size="sm">
        Rotate the key again to get a secret
        {until
          ? '. That ends the old secret at once: if its callers can’t switch at once, create another key for them instead.'
          : ', and give that to its callers.'}
      </Text>
    </>
  )
}

function lastFour({ hint }: ApiKey): string {
  return hint.slice(-4)
}
