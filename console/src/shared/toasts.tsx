/** Says for a few seconds what was done, in one place that screen readers watch. */
import { CloseButton, Group, Paper, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconCircleCheck } from '@tabler/icons-react'
import { useEffect, useState, useSyncExternalStore } from 'react'

interface Toast {
  id: number
  sentence: string
}

const shownMilliseconds = 7000
const shownAtMost = 3
/** Where notices at the bottom would lie on the buttons, and more than one on half of the page. */
const small = '(max-width: 36em)'
/** Below the header, which is 56 pixels high. */
const belowHeader = 64

let toasts: readonly Toast[] = []
let count = 0
const listeners = new Set<() => void>()

function change(now: readonly Toast[]) {
  toasts = now
  for (const listener of listeners) listener()
}

/** *Mia was removed.* Not for what went wrong: that is said where it went wrong, and stays. */
export function toast(sentence: string) {
  count += 1
  const atMost = window.matchMedia(small).matches ? 1 : shownAtMost
  change([...toasts, { id: count, sentence }].slice(-atMost))
}

function dismiss(id: number) {
  change(toasts.filter((each) => each.id !== id))
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Always there, because a live region that appears together with its text is not read out. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts)
  const isSmall = useMediaQuery(small, false, { getInitialValueInEffect: false })
  return (
    <Stack
      gap="xs"
      aria-live="polite"
      aria-relevant="additions"
      style={{
        position: 'fixed',
        ...(isSmall ? { top: belowHeader } : { bottom: 16 }),
        left: 16,
        right: 16,
        zIndex: 500,
        pointerEvents: 'none',
      }}
      align="center"
    >
      {shown.map((each) => (
        <OneToast key={each.id} toast={each} />
      ))}
    </Stack>
  )
}

/** Stays while the pointer or the focus is on it. */
function OneToast({ toast: { id, sentence } }: { toast: Toast }) {
  const [isKept, setIsKept] = useState(false)
  useEffect(() => {
    if (isKept) return
    const timer = window.setTimeout(() => dismiss(id), shownMilliseconds)
    return () => window.clearTimeout(timer)
  }, [id, isKept])
  return (
    <Paper
      withBorder
      shadow="md"
      px="md"
      py="xs"
      maw={460}
      style={{ pointerEvents: 'auto' }}
      onMouseEnter={() => setIsKept(true)}
      onMouseLeave={() => setIsKept(false)}
      onFocus={() => setIsKept(true)}
      onBlur={() => setIsKept(false)}
    >
      <Group gap="sm" wrap="nowrap">
        <IconCircleCheck
          size={20}
          color="var(--mantine-color-teal-7)"
          aria-hidden
          style={{ flexShrink: 0 }}
        />
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {sentence}
        </Text>
        <CloseButton size="sm" aria-label="Close this notice" onClick={() => dismiss(id)} />
      </Group>
    </Paper>
  )
}
