/** Remembers in this browser which organization was looked at last: an id, nothing more. */
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
    // It is a convenience, no more.
  }
}
