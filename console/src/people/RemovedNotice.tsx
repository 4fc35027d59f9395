/** After a person was removed: the keys whose secret this person was shown, and the tokens that this person made. */
import { Alert, Badge, Button, Code, Group, Stack, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { Link } from 'react-router'
import { useApiKeys } from '../api-keys/use-api-keys'
import { useKeyDialogs } from '../shared/dialog-links'
import { useOrganization } from '../shared/viewer'
import type { KeySeen, TokenMade } from './operations'
import type { Removed } from './RemoveDialog'

interface Props {
  removed: Removed
  onClose: () => void
}

export function RemovedNotice({ removed: { name, keysSeen, tokensMade }, onClose }: Props) {
  const { organization } = useApiKeys()
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => box.current?.focus(), [])
  return (
    <Alert
      ref={box}
      id="removed"
      tabIndex={-1}
      color="yellow"
      title={
        keysSeen.length > 0
          ? `${name} was removed, and has seen secrets that still work`
          : `${name} was removed, and has made tokens that still work`
      }
      withCloseButton
      closeButtonLabel="Close"
      onClose={onClose}
      style={{ outline: 'none' }}
    >
      <Stack gap="sm">
        {keysSeen.length > 0 && (
          <>
            <Text size="sm">
              Rotate the keys that matter: each gets a new secret, and the one that {name} has seen stops
              working.
            </Text>
            <Stack component="ul" gap="xs" m={0} p={0} aria-label={`Keys whose secret ${name} was shown`}>
              {keysSeen.map((each) => (
                <Seen
                  key={each.id}
                  apiKey={each}
                  state={
                    organization &&
                    stateOf(
                      each,
                      organization.apiKeys.find(({ id }) => id === each.id),
                    )
                  }
                />
              ))}
            </Stack>
          </>
        )}
        {tokensMade.length > 0 && (
          <>
            <Text size="sm">
              {name} made{' '}
              {tokensMade.length === 1 ? 'a service token, which keeps' : 'service tokens, which keep'}{' '}
              working. Revoke what nobody needs.
            </Text>
            <Stack component="ul" gap="xs" m={0} p={0} aria-label={`Tokens that ${name} made`}>
              {tokensMade.map((each) => (
                <Made key={each.id} token={each} />
              ))}
            </Stack>
          </>
        )}
      </Stack>
    </Alert>
  )
}

type State = 'same' | 'rotated' | 'deleted'

/** A rotation changes the end of the hint. */
export function stateOf(seen: { hint: string }, now: { hint: string } | undefined): State {
  if (!now) return 'deleted'
  return now.hint === seen.hint ? 'same' : 'rotated'
}

function Seen({ apiKey, state }: { apiKey: KeySeen; state: State | undefined }) {
  const { open } = useKeyDialogs()
  return (
    <Group component="li" justify="space-between" gap="xs" style={{ listStyle: 'none' }}>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {apiKey.name} <Code>{apiKey.hint}</Code>
      </Text>
      {state === 'rotated' || state === 'deleted' ? (
        <Badge variant="dot" color="teal">
          {state === 'rotated' ? 'Rotated' : 'Deleted'}
        </Badge>
      ) : (
        <Button
          size="compact-sm"
          variant="default"
          aria-label={`Rotate ${apiKey.name}`}
          onClick={() => open('rotate', apiKey.id)}
        >
          Rotate
        </Button>
      )}
    </Group>
  )
}

function Made({ token }: { token: TokenMade }) {
  const { id } = useOrganization()
  return (
    <Group component="li" justify="space-between" gap="xs" style={{ listStyle: 'none' }}>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {token.name} <Code>{token.hint}</Code>
      </Text>
      <Button
        size="compact-sm"
        variant="default"
        aria-label={`Revoke ${token.name}`}
        component={Link}
        to={`/organizations/${id}/tokens?revoke-token=${token.id}`}
      >
        Revoke
      </Button>
    </Group>
  )
}
