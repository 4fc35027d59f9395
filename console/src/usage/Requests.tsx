/** The requests over time, by outcome: as a chart, or the same numbers as a table. */
import { Group, Paper, SegmentedControl, Skeleton, Stack, Text, Title } from '@mantine/core'
import { lazy, Suspense, useCallback, useEffect, useState } from 'react'
import { useSearchParams } from 'react-router'
import { useQuery } from 'urql'
import { Trouble } from '../shared/Trouble'
import { useKnown } from '../shared/use-known'
import { Legend } from './Legend'
import { SeriesQuery } from './operations'
import { type Outcome, outcomes, total } from './outcomes'
import { RequestsTable } from './RequestsTable'
import { bounds, chosen, ranges } from './ranges'
import { useRefreshing } from './use-refreshing'

const RequestsChart = lazy(async () => ({ default: (await import('./RequestsChart')).RequestsChart }))

const height = 260
const intervalNames = { HOUR: 'By hour', DAY: 'By day' }

interface Props {
  id: string
  /** Changes when the person wants everything read again. */
  round: number
}

export function Requests({ id, round }: Props) {
  const [search, setSearch] = useSearchParams()
  const { range, interval } = chosen(search.get('range'), search.get('by'))
  const [view, setView] = useState('Chart')
  const [hidden, setHidden] = useState<readonly Outcome[]>([])
  const { from, to } = bounds(range, interval, Date.now())
  const [{ data, error, fetching, operation }, execute] = useQuery({
    query: SeriesQuery,
    variables: { id, from, to, interval },
    requestPolicy: 'cache-and-network',
  })
  const refresh = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  useRefreshing(refresh, 60)
  useEffect(() => {
    if (round > 0) refresh()
  }, [round, refresh])

  // The answer for another time or interval must not be shown for this one.
  const answers = operation?.variables.from === from && operation.variables.interval === interval
  const points = useKnown(answers ? data?.apiKey?.usage?.series : undefined, `${from} ${interval}`)

  function choose(name: string, value: string) {
    setSearch(
      (now) => {
        const next = new URLSearchParams(now)
        next.set(name, value)
        return next
      },
      { replace: true, preventScrollReset: true },
    )
  }

  function toggle(outcome: Outcome) {
    setHidden((now) => (now.includes(outcome) ? now.filter((each) => each !== outcome) : [...now, outcome]))
  }

  const nothing = points !== undefined && outcomes.every(({ name }) => total(points, name) === 0)
  return (
    <Paper withBorder p="md" component="section" aria-labelledby="requests">
      <Stack gap="md">
        <Group justify="space-between" gap="sm">
          <Title order={2} size="h5" id="requests">
            Requests
          </Title>
          <Group gap="sm">
            <SegmentedControl
              size="xs"
              aria-label="Time"
              data={ranges.map(({ name, label }) => ({ value: name, label }))}
              value={range.name}
              onChange={(value) => choose('range', value)}
            />
            {range.intervals.length > 1 && (
              <SegmentedControl
                size="xs"
                aria-label="Interval"
                data={(['HOUR', 'DAY'] as const).map((each) => ({
                  value: each.toLowerCase(),
                  label: intervalNames[each],
                }))}
                value={interval.toLowerCase()}
                onChange={(value) => choose('by', value)}
              />
            )}
            <SegmentedControl
              size="xs"
              aria-label="View"
              data={['Chart', 'Table']}
              value={view}
              onChange={setView}
            />
          </Group>
        </Group>
        {error && !fetching && (
          <Trouble error={error} what="The requests over time could not be read." onRetry={refresh} />
        )}
        {points ? (
          <>
            <Legend points={points} hidden={hidden} onToggle={toggle} />
            {nothing ? (
              <Stack h={height} justify="center" align="center">
                <Text size="sm">No requests in the last {range.label}.</Text>
              </Stack>
            ) : view === 'Chart' ? (
              <Suspense fallback={<Skeleton h={height} />}>
                <RequestsChart
                  points={points}
                  interval={interval}
                  range={range}
                  hidden={hidden}
                  height={height}
                />
              </Suspense>
            ) : (
              <RequestsTable points={points} interval={interval} hidden={hidden} height={height} />
            )}
          </>
        ) : (
          !(error && !fetching) && (
            <>
              <Skeleton h={28} />
              <Skeleton h={height} aria-label="Loading" />
            </>
          )
        )}
        <Text size="xs" c="dimmed">
          {interval === 'DAY'
            ? 'Days are in UTC, and kept for two years. The last one is still being counted.'
            : 'Hours are in your time zone, and kept for 35 days. The last one is still being counted.'}
        </Text>
      </Stack>
    </Paper>
  )
}
