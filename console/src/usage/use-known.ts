/** Keeps what was read last while it is read again, and when that fails: a page must not go blank for it. */
import { useRef } from 'react'

export function useKnown<Value>(value: Value | null | undefined): Value | undefined {
  const known = useRef<Value>(undefined)
  if (value !== null && value !== undefined) known.current = value
  return known.current
}
