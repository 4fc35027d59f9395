/** Lets every page open the assistant. The panel itself belongs to the shell, `app`. */
import { createContext, useContext } from 'react'

/** What the person is looking at when they ask. */
export interface AssistantSubject {
  apiKeyId?: string
  requestId?: string
  /** Sent at once, as if the person had typed it. */
  message?: string
}

export interface Opener {
  opened: boolean
  subject: AssistantSubject
  /** Changes with every `open`, so that the same question can be asked twice. */
  asked: number
  /** The window is too narrow for both: the panel covers the page. */
  covers: boolean
  open: (subject?: AssistantSubject) => void
  /** Says that what was to be sent at once is being sent. */
  taken: () => void
  /** The focus returns to where it was. */
  close: () => void
}

export const AssistantContext = createContext<Opener | undefined>(undefined)

export function useAssistant(): Opener {
  const opener = useContext(AssistantContext)
  if (!opener) throw new Error('outside of the pages that have an assistant')
  return opener
}
