/** Shows the dialog of the Tokens page that the address names. */
import { Kept } from '../shared/Kept'
import { useTokenDialogs } from './dialogs'
import { NewTokenDialog } from './NewTokenDialog'
import type { Tokens } from './operations'
import { RevokeTokenDialog } from './RevokeTokenDialog'
import { stateOf } from './state'

export function TokenDialogs({ tokens }: { tokens: Tokens | undefined }) {
  const { dialog, about, close } = useTokenDialogs()
  if (!dialog || !tokens) return null
  if (dialog === 'new-token') return <NewTokenDialog tokens={tokens} onClose={close} />
  return (
    <Kept
      key={dialog + about}
      value={tokens.serviceTokens.find((each) => each.id === about && stateOf(each) === 'works')}
      gone="There is no such token that works. It may have expired, or somebody else may have revoked it."
      onClose={close}
      focusAfter={['new-token']}
    >
      {(token) => <RevokeTokenDialog token={token} onClose={close} />}
    </Kept>
  )
}
