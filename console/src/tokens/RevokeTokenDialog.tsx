/** Revokes a service token, after a question. */
import { Code, Text } from '@mantine/core'
import { Dialog } from '../shared/Dialog'
import { menuId } from '../shared/dialog-links'
import { FoundDone } from '../shared/FoundDone'
import { RelativeTime } from '../shared/RelativeTime'
import { SubmitForm } from '../shared/SubmitForm'
import { toast } from '../shared/toasts'
import { useSubmit } from '../shared/use-submit'
import { aboutTokens, RevokeServiceToken, type ServiceToken } from './operations'
import { useLookAtTokens } from './use-tokens'

interface Props {
  token: ServiceToken
  onClose: () => void
}

export function RevokeTokenDialog({ token, onClose }: Props) {
  return (
    <Dialog
      title={`Revoke the token “${token.name}”?`}
      onClose={onClose}
      focusAfter={[menuId(token.id), 'new-token']}
    >
      <RevokeTokenForm
        token={token}
        onRevoked={() => {
          toast(`The token “${token.name}” was revoked.`)
          onClose()
        }}
        onCancel={onClose}
      />
    </Dialog>
  )
}

interface FormProps {
  token: ServiceToken
  onRevoked: () => void
  onCancel: () => void
}

export function RevokeTokenForm({ token, onRevoked, onCancel }: FormProps) {
  const look = useLookAtTokens()
  const revoking = useSubmit({
    mutation: RevokeServiceToken,
    about: aboutTokens,
    answerIn: (data) => data.revokeServiceToken,
    look: ({ input }) =>
      look((now) => (now.some((each) => each.id === input.id && !each.revokedAt) ? undefined : true)),
    onAnswer: (answer) => {
      if (answer.__typename === 'ServiceTokenNotFound') return answer.message
      onRevoked()
    },
  })
  const { lost } = revoking
  if (lost?.looked && 'found' in lost.looked) {
    return (
      <FoundDone onClose={onCancel}>
        The answer did not arrive, but the token “{token.name}” is revoked.
      </FoundDone>
    )
  }
  return (
    <SubmitForm
      submission={revoking}
      onSubmit={(event) => {
        event.preventDefault()
        revoking.send({ input: { id: token.id } })
      }}
      failure="The token was not revoked."
      loss={{
        what: 'The token may have been revoked.',
        where: 'the list of tokens',
        absent: 'So far the token still works.',
      }}
      label="Revoke"
      color="red.9"
      doing="Revoking the token. This can no longer be stopped."
      onCancel={onCancel}
      focusCancel
    >
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        Programs that send <Code>{token.hint}</Code> are refused at once, and this can’t be undone.{' '}
        {token.lastUsedAt ? (
          <>
            It was last used <RelativeTime at={token.lastUsedAt} />.
          </>
        ) : (
          'It was never used.'
        )}{' '}
        API keys that were created with it keep working.
      </Text>
    </SubmitForm>
  )
}
