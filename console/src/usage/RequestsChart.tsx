/** The requests over time as stacked bars, one color for each outcome. */
import { BarChart, ChartTooltip } from '@mantine/charts'
import '@mantine/charts/styles.css'
import { Text } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { memo, useMemo } from 'react'
import { grouped, intervalName, inUtc, short } from './numbers'
import type { Point } from './operations'
import { type Outcome, outcomes, total } from './outcomes'
import type { Interval, Range } from './ranges'
import { tickName, ticks } from './ticks'

interface Props {
  points: readonly Point[]
  interval: Interval
  range: Range
  hidden: readonly Outcome[]
  height: number
}

/** With more bars, there is no room for gaps. */
const many = 100
const axisWidth = 44

/** Memoized: many bars take long to draw, and the data above the chart is read every few seconds. */
export const RequestsChart = memo(function RequestsChart({ points, interval, range, hidden, height }: Props) {
  const series = useMemo(
    () =>
      outcomes
        .filter(({ name }) => !hidden.includes(name) && total(points, name) > 0)
        .map((each) => ({ ...each })),
    [points, hidden],
  )
  const drawn = useMemo(() => points.map(withoutZeros), [points])
  const { ref, width } = useElementSize()
  // Slightly wider than their share: bars look pale when they are thinner than a pixel or have seams between them.
  const atLeast = Math.max(1, (width - axisWidth) / points.length) + 0.5
  return (
    <figure ref={ref} aria-label="Requests over time" style={{ margin: 0 }}>
      <BarChart
        h={height}
        data={drawn}
        dataKey="start"
        series={series}
        type="stacked"
        tickLine="none"
        valueFormatter={grouped}
        barChartProps={
          points.length > many ? { barSize: atLeast, barCategoryGap: 0 } : { barCategoryGap: '15%' }
        }
        maxBarWidth={36}
        barProps={({ name }) => ({
          isAnimationActive: false,
          // At least 2 pixels, so that one refusal is visible beside a thousand allowed requests.
          minPointSize: (_, index) => (points[index]?.[name as Outcome] ? 2 : 0),
        })}
        xAxisProps={{
          ticks: ticks(points, interval, range),
          tickFormatter: (start: string) => tickName(start, interval, range),
          interval: 'equidistantPreserveStart',
          minTickGap: 24,
        }}
        yAxisProps={{ width: axisWidth, allowDecimals: false, tickFormatter: short }}
        tooltipAnimationDuration={0}
        tooltipProps={{
          content: ({ label, payload }) =>
            typeof label === 'string' && (
              <ChartTooltip
                label={<When start={label} interval={interval} />}
                payload={payload}
                series={series}
                valueFormatter={grouped}
              />
            ),
        }}
      />
    </figure>
  )
})

/** Zeros become null, so that nothing is drawn for them. */
function withoutZeros(point: Point) {
  const counts = outcomes.map(({ name }) => [name, point[name] || null])
  return { start: point.start, ...Object.fromEntries(counts) }
}

function When({ start, interval }: { start: string; interval: Interval }) {
  return (
    <>
      {intervalName(start, interval)}
      {interval === 'HOUR' && (
        <Text size="xs" c="dimmed">
          {inUtc(start)}
        </Text>
      )}
    </>
  )
}
