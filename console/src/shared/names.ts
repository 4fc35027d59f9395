/** Checks the name of a key, an agent or a person before it is sent, and compares names. */

const longestName = 64

/** Counts characters as the server does. `maxLength` would count otherwise, and silently cut a pasted name. */
export function nameProblem(name: string, missing: string): string | null {
  const { length } = [...name.normalize('NFC').trim()]
  if (length === 0) return missing
  return length > longestName ? `The name has ${length} characters; use at most ${longestName}.` : null
}

/** Ignores the length of white space, which a page does not show, and which the server may shorten. */
export function isSameName(one: string, other: string): boolean {
  return normalized(one) === normalized(other)
}

function normalized(name: string): string {
  return name.normalize('NFC').trim().replace(/\s+/g, ' ')
}
