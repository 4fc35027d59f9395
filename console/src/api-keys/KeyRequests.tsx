/** The requests for keys that no admin has dealt with, on top of the list of keys. */
import { Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { brand } from '../shared/brand'
import { Dialog } from '../shared/Dialog'
import { useKeyDialogs } from '../shared/dialog-links'
import { SubmitForm } from '../shared/SubmitForm'
import { Trouble } from '../shared/Trouble'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { Asked } from './Asked'
import { aboutRequests, CloseKeyRequest, type KeyRequest } from './operations'
import { useKeyRequests } from './use-key-requests'

const shownAtFirst = 3

export function KeyRequests() {
  const { requests, error, fetching, refetch } = useKeyRequests()
  const [toDismiss, setToDismiss] = useState<KeyRequest>()
  return (
    <>
      {error && !fetching && (
        <Trouble error={error} what="The requests for keys could not be read." onRetry={refetch} />
      )}
      {requests && requests.length > 0 && <List requests={requests} onDismiss={setToDismiss} />}
      {/* Not in the list: it stays open when the list gets empty. */}
      {toDismiss && (
        <Dialog title="Dismiss the request?" onClose={() => setToDismiss(undefined)}>
          <DismissForm
            request={toDismiss}
            onDismissed={() => {
              toast(`The request of ${toDismiss.requestedBy.name} was dismissed.`)
              setToDismiss(undefined)
            }}
            onCancel={() => setToDismiss(undefined)}
          />
        </Dialog>
      )}
    </>
  )
}

interface ListProps {
  requests: readonly KeyRequest[]
  onDismiss: (request: KeyRequest) => void
}

function List({ requests, onDismiss }: ListProps) {
  const { open } = useKeyDialogs()
  const [isWhole, setIsWhole] = useState(false)
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Title order={2} size="h5">
          {requests.length === 1 ? '1 request for a key' : `${requests.length} requests for keys`}
        </Title>
        <Stack component="ul" gap="md" m={0} p={0} aria-label="Requests for keys">
          {requests.slice(0, isWhole ? undefined : shownAtFirst).map((each) => (
            <Stack key={each.id} component="li" gap="xs" style={{ listStyle: 'none' }}>
              <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                {each.name}
                {each.agent && `, for ${each.agent.name}`}
              </Text>
              <Asked request={each} />
              <Group gap="xs">
                <Button size="xs" aria-label={`Create ${each.name}`} onClick={() => open('request', each.id)}>
                  Create
                </Button>
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Dismiss ${each.name}`}
                  onClick={() => onDismiss(each)}
                >
                  Dismiss
                </Button>
              </Group>
            </Stack>
          ))}
        </Stack>
        {!isWhole && requests.length > shownAtFirst && (
          <Button variant="subtle" size="compact-sm" w="fit-content" onClick={() => setIsWhole(true)}>
            Show all {requests.length}
          </Button>
        )}
      </Stack>
    </Paper>
  )
}

interface DismissProps {
  request: KeyRequest
  onDismissed: () => void
  onCancel: () => void
}

export function DismissForm({ request: { id, name, requestedBy }, onDismissed, onCancel }: DismissProps) {
  const dismissal = useSubmit({
    mutation: CloseKeyRequest,
    about: aboutRequests,
    // False is an answer, too: somebody else was faster.
    answerIn: (data) => (data.closeKeyRequest === null ? undefined : { isOpen: false }),
    onAnswer: () => {
      onDismissed()
      return undefined
    },
  })
  return (
    <SubmitForm
      submission={dismissal}
      onSubmit={(event) => {
        event.preventDefault()
        dismissal.send({ id })
      }}
      failure="The request was not dismissed."
      loss={{ what: 'The request may have been dismissed.', absent: 'You can dismiss it once more.' }}
      label="Dismiss"
      doing="Dismissing the request."
      onCancel={onCancel}
    >
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        The request for “{name}” disappears for all admins. {brand.name} does not tell {requestedBy.name}:
        write to {requestedBy.email} if you want to explain it.
      </Text>
    </SubmitForm>
  )
}
