/** Opens and closes the assistant's panel, from any page: beside it where there is room, else on top of it. */
import { AppShell } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import {
  createContext,
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useContext,
  useMemo,
  useRef,
  useState,
} from 'react'

const AssistantPanel = lazy(async () => ({
  default: (await import('../assistant/AssistantPanel')).AssistantPanel,
}))

/** What the person is looking at when they ask. */
export interface AssistantSubject {
  apiKeyId?: string
  requestId?: string
  /** Sent at once, as if the person had typed it. */
  message?: string
}

interface Opener {
  opened: boolean
  subject: AssistantSubject
  /** Changes with every `open`, so that the same question can be asked twice. */
  asked: number
  /** There is no room beside the page: the panel covers it. */
  covers: boolean
  open: (subject?: AssistantSubject) => void
  /** Says that what was to be sent at once is being sent. */
  taken: () => void
  /** The focus returns to where it was. */
  close: () => void
}

const Context = createContext<Opener | undefined>(undefined)

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
  return <Context value={opener}>{children}</Context>
}

export function useAssistant(): Opener {
  const opener = useContext(Context)
  if (!opener) throw new Error('outside of the pages that have an assistant')
  return opener
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
