/** Opens and closes the assistant's panel, from any page: beside it where there is room, else on top of it. */
import { AppShell } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { lazy, type ReactNode, Suspense, useCallback, useMemo, useRef, useState } from 'react'
import { AssistantContext, type AssistantSubject, useAssistant } from '../shared/assistant-context'

const AssistantPanel = lazy(async () => ({
  default: (await import('../assistant/AssistantPanel')).AssistantPanel,
}))

export function AssistantOpener({ children }: { children: ReactNode }) {
  const [state, setState] = useState<{ opened: boolean; subject: AssistantSubject; asked: number }>({
    opened: false,
    subject: {},
    asked: 0,
  })
  const covers = !useMediaQuery('(min-width: 62em)', true, { getInitialValueInEffect: false })
  const before = useRef<Element>(null)
  const open = useCallback((subject: AssistantSubject = {}) => {
    before.current = document.activeElement
    setState((now) => ({ opened: true, subject, asked: now.asked + 1 }))
  }, [])
  const taken = useCallback(() => setState((now) => ({ ...now, subject: {} })), [])
  const close = useCallback(() => {
    setState((now) => ({ ...now, opened: false }))
    window.setTimeout(() => {
      if (document.querySelector('[role=dialog][aria-modal=true]')) return
      const was = before.current
      const isThere = was instanceof HTMLElement && was.isConnected && was !== document.body
      ;(isThere ? was : document.getElementById('assistant-button'))?.focus()
    })
  }, [])
  const opener = useMemo(
    () => ({ ...state, covers, open, taken, close }),
    [state, covers, open, taken, close],
  )
  return <AssistantContext value={opener}>{children}</AssistantContext>
}

/** The panel itself stays mounted while closed, so that nothing typed into it is lost. */
export function AssistantAside() {
  const { opened, asked, close } = useAssistant()
  return (
    <AppShell.Aside
      aria-label="Assistant"
      inert={!opened}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.nativeEvent.isComposing) close()
      }}
    >
      {asked > 0 && (
        <Suspense>
          <AssistantPanel />
        </Suspense>
      )}
    </AppShell.Aside>
  )
}
