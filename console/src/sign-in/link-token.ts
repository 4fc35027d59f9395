/** Takes the token out of the address of a mailed link, so that it is neither in the history nor on a screenshot. */
import { useEffect, useState } from 'react'

/** By the page's path. It stays here while the page is open: the address does not have it any more. */
const tokens = new Map<string, string>()

function take(): string {
  const { hash, pathname, search } = window.location
  if (hash.length > 1) {
    tokens.set(pathname, hash.slice(1))
    window.history.replaceState(window.history.state, '', pathname + search)
  }
  return tokens.get(pathname) ?? ''
}

/** The token that followed # in the address, or '' if there was none. Another link may be opened in the same tab. */
export function useLinkToken(): string {
  const [token, setToken] = useState(take)
  useEffect(() => {
    const read = () => setToken(take())
    window.addEventListener('hashchange', read)
    return () => window.removeEventListener('hashchange', read)
  }, [])
  return token
}
