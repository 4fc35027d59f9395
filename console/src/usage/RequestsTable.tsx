/** The numbers of the chart as a table, the newest interval first. */
import { Table, Text } from '@mantine/core'
import { counted, grouped, intervalName, inUtc } from './numbers'
import type { Point } from './operations'
import { eventful, type Outcome, outcomes } from './outcomes'
import type { Interval } from './ranges'

interface Props {
  points: readonly Point[]
  interval: Interval
  hidden: readonly Outcome[]
  height: number
}

export function RequestsTable({ points, interval, hidden, height }: Props) {
  const shown = eventful(points)
  const columns = outcomes.filter(({ name }) => !hidden.includes(name))
  const left = points.length - shown.length
  return (
    <>
      <Table.ScrollContainer
        minWidth={560}
        maxHeight={height}
        type="native"
        // People must be able to scroll it by keyboard.
        tabIndex={0}
        role="region"
        aria-label="Requests over time, as a table"
      >
        <Table stickyHeader verticalSpacing={6} striped style={{ fontVariantNumeric: 'tabular-nums' }}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{interval === 'HOUR' ? 'Hour' : 'Day'}</Table.Th>
              {columns.map(({ name, label }) => (
                <Table.Th key={name} ta="right">
                  {label}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map((point) => (
              <Table.Tr key={point.start}>
                <Table.Td>
                  <time dateTime={point.start} title={inUtc(point.start)}>
                    {intervalName(point.start, interval)}
                  </time>
                </Table.Td>
                {columns.map(({ name }) => (
                  <Table.Td key={name} ta="right" c={point[name] === 0 ? 'dimmed' : undefined}>
                    {grouped(point[name])}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {left > 0 && (
        <Text size="xs" c="dimmed">
          {counted(left, interval === 'HOUR' ? 'hour' : 'day')} without requests {left === 1 ? 'is' : 'are'}{' '}
          not shown.
        </Text>
      )}
    </>
  )
}
