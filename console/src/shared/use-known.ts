/** Keeps the last value that was read while it is read again, and when that fails: a page must not go blank for it. */
import { useState } from 'react'

/** `subject` names what the value is about. With another subject, the value of the one before is forgotten. */
export function useKnown<Value>(value: Value | null | undefined, subject = ''): Value | undefined {
  const [known, setKnown] = useState<{ value?: Value; subject: string }>({ subject })
  const isSame = value === known.value && subject === known.subject
  const isNew = value !== null && value !== undefined && !isSame
  const now = isNew ? { value, subject } : known.subject === subject ? known : { subject }
  // Setting state while rendering is how React lets a component keep something of an earlier rendering.
  if (now !== known) setKnown(now)
  return now.value
}
