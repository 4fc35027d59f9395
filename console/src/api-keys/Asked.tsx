/** Who asks for a key, and why. */
import { Blockquote, Text } from '@mantine/core'
import { RelativeTime } from '../shared/RelativeTime'
import type { KeyRequest } from './operations'

export function Asked({ request: { requestedBy, reason, createdAt } }: { request: KeyRequest }) {
  return (
    <div>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {requestedBy.name} ({requestedBy.email}) asked for a key <RelativeTime at={createdAt} />:
      </Text>
      <Blockquote
        p="xs"
        mt={4}
        radius="sm"
        fz="sm"
        style={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere' }}
      >
        {reason}
      </Blockquote>
    </div>
  )
}
