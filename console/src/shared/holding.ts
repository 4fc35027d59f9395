/** Keeps a list of what would be lost if the person left the page now, so that the router, dialogs and the browser ask first. */
import { createContext, useContext } from 'react'

export interface Leave {
  /** Goes where the person wanted to go, or closes what they wanted to close. */
  go: () => void
  stay: () => void
}

export interface Hold {
  /** Called when the person tries to leave. It answers with `go` or `stay`, at once or when the person decided. */
  onLeave: (leave: Leave) => void
  /** Pages of the console on which nothing is lost. */
  allows?: (path: string) => boolean
  /** Whether closing or reloading the tab loses something. It does where this is not said. */
  losesOnUnload?: () => boolean
  /** While an answer is on its way, a dialog's close button is disabled. */
  isPending?: boolean
}

const holds = new Set<Hold>()

/** Blocks leaving until the function that it returns is called. */
export function hold(added: Hold): () => void {
  holds.add(added)
  return () => {
    holds.delete(added)
  }
}

/** The newest hold that does not allow this page of the console. */
export function holdAgainst(path: string): Hold | undefined {
  return [...holds].findLast((each) => !each.allows?.(path))
}

export function losesOnUnload(): boolean {
  return [...holds].some((each) => each.losesOnUnload?.() ?? true)
}

/** A dialog provides its own, which also keeps the dialog from closing. */
export const HoldContext = createContext(hold)

export function useHold() {
  return useContext(HoldContext)
}
