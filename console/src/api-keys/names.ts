/** What the console checks of a key's name by itself, and when two names are the same. */

const longestName = 64

/** The server counts characters as this does, not as `maxLength` would, which also cuts what is pasted in silence. */
export function nameProblem(name: string, missing: string): string | null {
  const { length } = [...name.normalize('NFC').trim()]
  if (length === 0) return missing
  return length > longestName ? `The name has ${length} characters; use at most ${longestName}.` : null
}

/** White space runs look alike on a page, and the server may keep fewer of them than were typed. */
export function isSameName(one: string, other: string): boolean {
  return normalized(one) === normalized(other)
}

function normalized(name: string): string {
  return name.normalize('NFC').trim().replace(/\s+/g, ' ')
}
