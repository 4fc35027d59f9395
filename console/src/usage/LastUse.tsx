/** When the key was last used, and after a rotation, whether the old secret still is. */
import type { ApiKey } from '../api-keys/operations'
import { RelativeTime } from '../shared/RelativeTime'
import { Card } from './Limits'

export function LastUse({ apiKey }: { apiKey: ApiKey }) {
  return (
    <Card title="Last used" value={apiKey.lastUsedAt ? <RelativeTime at={apiKey.lastUsedAt} /> : 'never'}>
      <Overlap apiKey={apiKey} />
    </Card>
  )
}

function Overlap({ apiKey }: { apiKey: ApiKey }) {
  const { previousSecretWorksUntil: until, previousSecretLastUsedAt: used, deletedAt, lastUsedAt } = apiKey
  if (!until || deletedAt) {
    return lastUsedAt ? 'The last request that was allowed.' : 'No request with this key has been allowed.'
  }
  return (
    <>
      The old secret still works, and ends <RelativeTime at={until} />.{' '}
      {used ? (
        <>
          It was last used <RelativeTime at={used} />: its callers need the new secret.
        </>
      ) : (
        'Nobody has used it since the rotation.'
      )}
    </>
  )
}
