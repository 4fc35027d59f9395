/** What a key is good for: every agent, or the one that it names. */
import { Group, Text } from '@mantine/core'
import { IconBuilding, IconRobot } from '@tabler/icons-react'
import type { ApiKey } from './operations'

export function ScopeOf({ apiKey }: { apiKey: ApiKey }) {
  const Icon = apiKey.scope === 'AGENT' ? IconRobot : IconBuilding
  return (
    <Group gap={6} wrap="nowrap">
      <Icon size={16} stroke={1.5} aria-hidden style={{ flexShrink: 0 }} />
      <Text size="sm" lineClamp={1}>
        {apiKey.scope === 'AGENT' ? apiKey.agent?.name : 'Organization'}
        {apiKey.agent?.deletedAt && ' (deleted)'}
      </Text>
    </Group>
  )
}
