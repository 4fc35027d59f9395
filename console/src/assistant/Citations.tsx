/** The passages of the documentation that an answer rests on. */
import { Anchor, Group, Text } from '@mantine/core'
import { IconBook2 } from '@tabler/icons-react'
import type { Message } from './operations'

export function Citations({ citations }: { citations: Message['citations'] }) {
  const here = citations.filter(({ url }) => isOnThisServer(url))
  if (here.length === 0) return null
  return (
    <Group gap={6} wrap="nowrap" align="flex-start">
      <IconBook2 size={16} stroke={1.5} aria-hidden style={{ flexShrink: 0, marginTop: 2 }} />
      <Text size="sm">
        {here.map(({ title, url }, place) => (
          <span key={url}>
            {place > 0 && ' · '}
            <Anchor href={url} target="_blank" rel="noopener" inherit>
              {title}
            </Anchor>
          </span>
        ))}
      </Text>
    </Group>
  )
}

/** A path, such as `/docs/errors`. A browser reads `//host` as the address of another server. */
function isOnThisServer(url: string): boolean {
  return /^\/(?![/\\])/.test(url)
}
