/** The form for a new key, filled in by what somebody asked for. The mail to the admins leads here. */
import { Alert, Button, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { useClient } from 'urql'
import { Dialog } from '../shared/Dialog'
import { Trouble } from '../shared/Trouble'
import { useKnown } from '../shared/use-known'
import { useOrganization } from '../shared/viewer'
import { NewApiKeyDialog } from './NewApiKeyDialog'
import { aboutRequests, CloseKeyRequest, KeyRequestsQuery } from './operations'
import { useKeyRequests } from './use-key-requests'

type Closing = 'closed' | 'closed-by-other' | 'failed'

interface Props {
  id: string
  onClose: () => void
}

export function RequestedKeyDialog({ id, onClose }: Props) {
  const client = useClient()
  const { id: organizationId } = useOrganization()
  const { requests, error, fetching, refetch } = useKeyRequests()
  // Once the form is shown it stays: after the key was created, the request is closed.
  const request = useKnown(requests?.find((each) => each.id === id))
  const [closing, setClosing] = useState<Closing>()
  const isTold = useRef(false)

  /** Says once that another admin was faster: Create then creates the key all the same. */
  async function check(): Promise<string | null> {
    if (isTold.current) return null
    const fresh = { ...aboutRequests, requestPolicy: 'network-only' } as const
    const { data } = await client.query(KeyRequestsQuery, { organizationId }, fresh).toPromise()
    // Where it can't be read, the answer to closing the request says it afterwards.
    if (!data?.organization || data.organization.keyRequests.some((each) => each.id === id)) return null
    isTold.current = true
    return 'Another admin has dealt with this request meanwhile: there may be a key already. Nothing was created. To create a key all the same, select Create again.'
  }

  async function closeRequest() {
    const { data } = await client.mutation(CloseKeyRequest, { id }, aboutRequests).toPromise()
    if (typeof data?.closeKeyRequest !== 'boolean') setClosing('failed')
    else setClosing(data.closeKeyRequest ? 'closed' : 'closed-by-other')
  }

  if (request) {
    return (
      <NewApiKeyDialog
        request={request}
        onClose={onClose}
        check={check}
        onIssued={closeRequest}
        aboutSecret={
          <>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              Give the secret to {request.requestedBy.name} ({request.requestedBy.email}) in a way that nobody
              else can read.
              {closing === 'failed' && ' The request could not be closed: dismiss it in the list.'}
            </Text>
            {closing === 'closed-by-other' && (
              <Alert color="yellow" role="alert">
                Another admin has dealt with this request meanwhile: there may be a second key.
              </Alert>
            )}
          </>
        }
      />
    )
  }
  return (
    <Dialog title="New API Key" onClose={onClose} focusAfter={['new-api-key']}>
      <Stack>
        {error && !fetching ? (
          <Trouble error={error} what="The request could not be read." onRetry={refetch} />
        ) : requests === undefined || fetching ? (
          <Skeleton h={80} aria-label="Loading" />
        ) : (
          <Alert color="yellow">
            <Text size="sm">
              This request is no longer open: an admin has created the key or dismissed the request. Only
              organization admins see requests.
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
