/** Shows the key dialog that the address names. */
import { Alert, Button, Group, Skeleton, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useQuery } from 'urql'
import { Dialog } from '../shared/Dialog'
import { menuId, useKeyDialogs } from '../shared/dialog-links'
import { Trouble } from '../shared/Trouble'
import { useKnown } from '../shared/use-known'
import { AskForKeyDialog } from './AskForKeyDialog'
import { DeleteApiKeyDialog } from './DeleteApiKeyDialog'
import { EditApiKeyDialog } from './EditApiKeyDialog'
import { NewApiKeyDialog } from './NewApiKeyDialog'
import { type ApiKey, ApiKeyQuery, aboutKeys } from './operations'
import { RequestedKeyDialog } from './RequestedKeyDialog'
import { RotateApiKeyDialog } from './RotateApiKeyDialog'

const kinds = {
  edit: { title: 'Edit', Form: EditApiKeyDialog },
  rotate: { title: 'Rotate', Form: RotateApiKeyDialog },
  delete: { title: 'Delete', Form: DeleteApiKeyDialog },
}

export function ApiKeyDialogs() {
  const { dialog, keyId, requestId, close } = useKeyDialogs()
  if (!dialog) return null
  if (dialog === 'new') return <NewApiKeyDialog onClose={close} />
  if (dialog === 'ask') return <AskForKeyDialog onClose={close} />
  if (dialog === 'request') return <RequestedKeyDialog key={requestId} id={requestId} onClose={close} />
  const { title, Form } = kinds[dialog]
  return (
    <OneKey key={dialog + keyId} id={keyId} title={title} onClose={close}>
      {(apiKey) => <Form apiKey={apiKey} onClose={close} />}
    </OneKey>
  )
}

interface OneKeyProps {
  id: string
  title: string
  onClose: () => void
  children: (apiKey: ApiKey) => ReactNode
}

function OneKey({ id, title, onClose, children }: OneKeyProps) {
  const [{ data, error, fetching }, refetch] = useQuery({
    query: ApiKeyQuery,
    variables: { id },
    // Somebody else may have rotated or renamed the key since.
    requestPolicy: 'cache-and-network',
    context: aboutKeys,
  })
  const apiKey = data?.apiKey
  // Once the form is shown it stays, even if the key can no longer be read: a new secret may be on show.
  const known = useKnown(apiKey?.viewerCanManage ? apiKey : undefined)
  if (known) return children(known)
  return (
    <Dialog title={`${title} API key`} onClose={onClose} focusAfter={[menuId(id)]}>
      <Stack>
        {error ? (
          <Trouble
            error={error}
            what="The key could not be read."
            onRetry={() => refetch({ requestPolicy: 'network-only' })}
          />
        ) : fetching ? (
          <Skeleton h={80} aria-label="Loading" />
        ) : (
          <Alert color="yellow">
            <Text size="sm">
              {apiKey?.deletedAt
                ? `“${apiKey.name}” was deleted.`
                : 'There is no such API key. It may have been deleted, or you may not be allowed to see it.'}
            </Text>
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
