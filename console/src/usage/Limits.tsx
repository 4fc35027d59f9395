/** How much is left of the key's rate limit and quota. */
import { Paper, Progress, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { inSeconds } from '../shared/errors'
import { RelativeTime } from '../shared/RelativeTime'
import { counted, grouped } from './numbers'
import type { UsageOfKey } from './operations'

export function RateLimitCard({ rateLimit }: { rateLimit: UsageOfKey['rateLimit'] }) {
  const { limit, remaining, resetsAt, windowSeconds } = rateLimit
  const used = limit - remaining
  return (
    <Card
      title="Rate limit"
      value={grouped(remaining)}
      of={`of ${counted(limit, 'request')} left in ${windowSeconds === 60 ? 'this minute' : `these ${windowSeconds} seconds`}`}
      bar={<Meter label="Requests of the last minute" used={used} limit={limit} />}
    >
      {used > 0
        ? `${remaining === 0 ? 'Requests get 429. ' : ''}More requests are possible ${roomComesBack(resetsAt, windowSeconds)}.`
        : 'No requests in the last minute.'}
    </Card>
  )
}

export function QuotaCard({
  quota: { limit, used, remaining, periodStart, periodEnd },
}: {
  quota: UsageOfKey['quota']
}) {
  return (
    <Card
      title="Quota"
      value={grouped(used)}
      of={`of ${counted(limit, 'request')} in ${monthName.format(new Date(periodStart))}`}
      bar={<Meter label="Requests of this month" used={used} limit={limit} />}
    >
      {remaining <= 0 ? 'Used up: requests get 429. Resets' : 'Resets'} on{' '}
      {dayName.format(new Date(periodEnd))}, <RelativeTime at={periodEnd} />.
    </Card>
  )
}

interface CardProps {
  title: string
  value: ReactNode
  of?: string
  bar?: ReactNode
  children: ReactNode
}

export function Card({ title, value, of, bar, children }: CardProps) {
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Stack gap={6} h="100%">
        <Title order={2} size="sm">
          {title}
        </Title>
        <Text component="div" fz={22} fw={600} lh={1.3} style={{ fontVariantNumeric: 'tabular-nums' }}>
          {value}{' '}
          {of && (
            <Text span size="sm" c="dimmed" fw={400}>
              {of}
            </Text>
          )}
        </Text>
        {bar}
        <Text size="sm" c="dimmed" component="div">
          {children}
        </Text>
      </Stack>
    </Paper>
  )
}

function Meter({ label, used, limit }: { label: string; used: number; limit: number }) {
  const share = limit > 0 ? Math.min(100, (used / limit) * 100) : 100
  return (
    <Progress.Root size="sm">
      <Progress.Section
        value={share}
        color={share >= 100 ? 'red' : share >= 80 ? 'yellow' : undefined}
        aria-label={`${label}: ${grouped(used)} of ${grouped(limit)}`}
      />
    </Progress.Root>
  )
}

const monthName = new Intl.DateTimeFormat('en-GB', { month: 'long', timeZone: 'UTC' })
const dayName = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' })

/** At most one window ahead, because the clocks of browser and server may differ. */
function roomComesBack(resetsAt: string, windowSeconds: number): string {
  const seconds = (Date.parse(resetsAt) - Date.now()) / 1000
  return inSeconds(Math.min(windowSeconds, Math.max(1, Math.ceil(seconds))))
}
