/** Removes a person, after naming the keys whose secret this person was shown, and the tokens that this person made. */
import { Alert, Code, List, Skeleton, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { type CombinedError, useQuery } from 'urql'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { SubmitForm } from '../shared/SubmitForm'
import { Trouble } from '../shared/Trouble'
import { toast } from '../shared/toasts'
import { useKnown } from '../shared/use-known'
import { useSubmit } from '../shared/use-submit'
import { useOrganization, useSignedIn } from '../shared/viewer'
import {
  aboutPeople,
  type KeySeen,
  KeysSeenQuery,
  type Member,
  RemoveMember,
  type TokenMade,
} from './operations'
import { useLookAtPeople } from './use-people'

export interface Removed {
  userId: string
  name: string
  keysSeen: readonly KeySeen[]
  tokensMade: readonly TokenMade[]
}

interface Props {
  member: Member
  onRemoved: (removed: Removed) => void
  onClose: () => void
}

export function RemoveDialog({ member, onRemoved, onClose }: Props) {
  const [found, setFound] = useState<Removed>()

  function finish(removed: Removed) {
    toast(`${removed.name} was removed.`)
    onRemoved(removed)
  }

  function close() {
    if (found) finish(found)
    else onClose()
  }

  return (
    <Dialog
      title={`Remove ${member.user.name}?`}
      onClose={close}
      focusAfter={['removed', menuId(member.user.id), 'invite']}
    >
      <RemoveForm member={member} onRemoved={finish} onFound={setFound} onCancel={close} />
    </Dialog>
  )
}

interface FormProps {
  member: Member
  onRemoved: (removed: Removed) => void
  /** The answer was lost, but the person is gone. Called before the form says so. */
  onFound: (removed: Removed) => void
  /** Also called when the sentence about the lost answer is closed. */
  onCancel: () => void
}

export function RemoveForm({ member: { user }, onRemoved, onFound, onCancel }: FormProps) {
  const { id: organizationId, name: organizationName } = useOrganization()
  const { viewer } = useSignedIn()
  const look = useLookAtPeople()
  const known = useKnownOf(user)
  const removing = useSubmit({
    mutation: RemoveMember,
    about: aboutPeople,
    answerIn: (data) => data.removeMember,
    look: async ({ input }) => {
      const looked = await look((now) =>
        now.members.some((each) => each.user.id === input.userId) ? undefined : true,
      )
      // The server names the keys and tokens of members only: what was read before the removal is all there is.
      if ('found' in looked) {
        const { keysSeen = [], serviceTokens: tokensMade = [] } = known.now ?? {}
        onFound({ userId: user.id, name: user.name, keysSeen, tokensMade })
      }
      return looked
    },
    onAnswer: (answer) => {
      if (answer.__typename !== 'MemberRemoved') return answer.message
      const { keysSeen, serviceTokens: tokensMade } = answer
      onRemoved({ userId: answer.user.id, name: answer.user.name, keysSeen, tokensMade })
    },
  })

  const { lost } = removing
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but {user.name} is no longer in the organization.
        {!known.now &&
          ` Which secrets ${user.name} has seen could not be read before. The audit log shows which keys ${user.name} created or rotated.`}
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={removing}
      onSubmit={(event) => {
        event.preventDefault()
        removing.send({ input: { organizationId, userId: user.id } })
      }}
      failure={`${user.name} was not removed.`}
      loss={{
        what: `${user.name} may have been removed.`,
        where: 'the list of people',
        absent: `So far ${user.name} is still in the organization.`,
      }}
      label="Remove"
      color="red.9"
      doing={`Removing ${user.name}. This can no longer be stopped.`}
      onCancel={onCancel}
      focusCancel
    >
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {viewer.user.id === user.id ? (
          <>
            <b>This is you.</b> You lose access to {organizationName} at once, and only another organization
            admin can invite you again.
          </>
        ) : (
          <>
            {user.name} ({user.email}) loses access to {organizationName} at once. API keys that {user.name}{' '}
            created keep working.
          </>
        )}
      </Text>
      <KeysSeen user={user} {...known} />
      {known.now && known.now.serviceTokens.length > 0 && (
        <TokensMade user={user} tokens={known.now.serviceTokens} />
      )}
    </SubmitForm>
  )
}

interface KnownOf {
  now: { keysSeen: readonly KeySeen[]; serviceTokens: readonly TokenMade[] } | undefined
  error: CombinedError | undefined
  fetching: boolean
  refetch: () => void
}

/** Keeps what was read: after the removal, the server does not say it any more. */
function useKnownOf(user: Member['user']): KnownOf {
  const { id: organizationId } = useOrganization()
  const [{ data, error, fetching }, execute] = useQuery({
    query: KeysSeenQuery,
    variables: { organizationId, email: user.email },
    requestPolicy: 'network-only',
  })
  const now = data?.organization?.members.find((each) => each.user.id === user.id)
  const refetch = () => execute({ requestPolicy: 'network-only' })
  return { now: useKnown(now), error, fetching, refetch }
}

function KeysSeen({ user, now, error, fetching, refetch }: KnownOf & { user: Member['user'] }) {
  if (error && !now) {
    return (
      <Trouble
        error={error}
        what={`Which secrets ${user.name} has seen could not be read.`}
        onRetry={refetch}
      />
    )
  }
  if (!now) return fetching ? <Skeleton h={60} aria-label="Loading" /> : null
  const seen = now.keysSeen
  if (seen.length === 0) {
    return <Text size="sm">{user.name} was shown the secret of no key that still works.</Text>
  }
  return (
    <Alert color="yellow" variant="light">
      <Stack gap="xs">
        <Text size="sm">
          {user.name} was shown {seen.length === 1 ? 'the secret of this key' : 'the secrets of these keys'},
          and may still have {seen.length === 1 ? 'it. You can rotate it' : 'them. You can rotate each'}{' '}
          afterwards:
        </Text>
        <List size="sm" spacing={4}>
          {seen.map((each) => (
            <List.Item key={each.id} style={{ overflowWrap: 'anywhere' }}>
              {each.name} <Code>{each.hint}</Code>
            </List.Item>
          ))}
        </List>
      </Stack>
    </Alert>
  )
}

interface TokensMadeProps {
  user: Member['user']
  tokens: readonly TokenMade[]
}

function TokensMade({ user, tokens }: TokensMadeProps) {
  return (
    <Alert color="yellow" variant="light">
      <Stack gap="xs">
        <Text size="sm">
          {user.name} made{' '}
          {tokens.length === 1 ? 'this service token, which keeps' : 'these service tokens, which keep'}{' '}
          working. You can revoke {tokens.length === 1 ? 'it' : 'those that nobody needs'} afterwards:
        </Text>
        <List size="sm" spacing={4}>
          {tokens.map((each) => (
            <List.Item key={each.id} style={{ overflowWrap: 'anywhere' }}>
              {each.name} <Code>{each.hint}</Code>
            </List.Item>
          ))}
        </List>
      </Stack>
    </Alert>
  )
}
