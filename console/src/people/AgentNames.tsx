/** The agents that a person administers, the first few by name. */
import { Text, Tooltip } from '@mantine/core'

const namedAtMost = 3

interface Props {
  agents: readonly { id: string; name: string }[]
  /** Written before the names, where no heading says what they are: *Agents:*. */
  label?: string
}

export function AgentNames({ agents, label }: Props) {
  if (agents.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        —
      </Text>
    )
  }
  const names = agents.map(({ name }) => name)
  const more = names.length - namedAtMost
  const text = (
    <Text size="sm" style={{ overflowWrap: 'anywhere' }} tabIndex={more > 0 ? 0 : undefined}>
      {label} {names.slice(0, namedAtMost).join(', ')}
      {more > 0 && ` and ${more} more`}
    </Text>
  )
  if (more <= 0) return text
  return (
    <Tooltip label={names.join(', ')} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
      {text}
    </Tooltip>
  )
}
