/** Stops Back, Forward, links, reloading and closing the tab while something would be lost. */
import { useCallback, useEffect } from 'react'
import { type BlockerFunction, Outlet, ScrollRestoration, useBeforeUnload, useBlocker } from 'react-router'
import { holdAgainst, losesOnUnload } from '../shared/holding'

/** The router calls only one blocker, which is this one. Everything else calls `useHold`. */
export function LeaveGuard() {
  const blocker = useBlocker(
    useCallback<BlockerFunction>(({ nextLocation }) => holdAgainst(nextLocation.pathname) !== undefined, []),
  )
  useEffect(() => {
    if (blocker.state !== 'blocked') return
    const found = holdAgainst(blocker.location.pathname)
    if (found) found.onLeave({ go: () => blocker.proceed(), stay: () => blocker.reset() })
    else blocker.proceed()
  }, [blocker])
  useBeforeUnload(
    useCallback((event) => {
      if (losesOnUnload()) event.preventDefault()
    }, []),
  )
  return (
    <>
      <Outlet />
      <ScrollRestoration />
    </>
  )
}
