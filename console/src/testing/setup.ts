/** What the console asks of a browser and jsdom does not have. */
import { cleanup, configure } from '@testing-library/react'
import { afterEach, vi } from 'vitest'

// Looking whether an element is hidden takes most of a test's time. A busy machine gets time to answer.
configure({ defaultHidden: true, asyncUtilTimeout: 20_000 })

Object.assign(window, {
  matchMedia: (query: string) => ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }),
  ResizeObserver: class {
    observe() {}
    unobserve() {}
    disconnect() {}
  },
})
Element.prototype.scrollIntoView = () => undefined
document.execCommand = () => false
Object.defineProperty(document, 'fonts', { value: new EventTarget() })

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
