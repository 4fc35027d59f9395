/** The outcomes with their totals. Each can be hidden: a few refusals are hard to see beside thousands of allowed requests. */
import { ColorSwatch, Group, getThemeColor, Text, UnstyledButton, useMantineTheme } from '@mantine/core'
import classes from './Legend.module.css'
import { grouped } from './numbers'
import type { Point } from './operations'
import { type Outcome, outcomes, total } from './outcomes'

interface Props {
  points: readonly Point[]
  hidden: readonly Outcome[]
  onToggle: (outcome: Outcome) => void
}

export function Legend({ points, hidden, onToggle }: Props) {
  const theme = useMantineTheme()
  return (
    <Group gap={4} role="group" aria-label="Requests by outcome" ml={-8}>
      {outcomes.map(({ name, label, color }) => {
        const shown = !hidden.includes(name)
        return (
          <UnstyledButton
            key={name}
            className={classes.entry}
            aria-pressed={shown}
            onClick={() => onToggle(name)}
          >
            <ColorSwatch
              size={10}
              radius="xs"
              withShadow={false}
              color={getThemeColor(shown ? color : 'gray.5', theme)}
            />
            <Text size="sm" td={shown ? undefined : 'line-through'}>
              {label}
            </Text>
            <Text size="sm" fw={600}>
              {grouped(total(points, name))}
            </Text>
          </UnstyledButton>
        )
      })}
    </Group>
  )
}
