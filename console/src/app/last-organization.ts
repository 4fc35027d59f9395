/** Remembers the id of the last organization in this browser. */
const name = 'keydesk-organization'

export function lastOrganization(): string | null {
  try {
    return window.localStorage.getItem(name)
  } catch {
    return null // storage may be forbidden
  }
}

export function rememberOrganization(id: string) {
  try {
    window.localStorage.setItem(name, id)
  } catch {
    // Remembering it is only a convenience.
  }
}
