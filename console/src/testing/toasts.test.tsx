import { act, cleanup, fireEvent, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Toasts, toast } from '../shared/toasts'
import { show } from './show'

beforeEach(() => {
  vi.useFakeTimers()
  show(<Toasts />)
})
afterEach(() => {
  act(() => vi.runAllTimers())
  vi.useRealTimers()
})

const pass = (milliseconds: number) => act(() => vi.advanceTimersByTime(milliseconds))

test('What was done is said in a live region that was there before, and goes by itself', () => {
  const region = document.querySelector('[aria-live=polite]')
  expect(region?.textContent).toBe('')

  act(() => toast('Mia was removed.'))

  expect(region?.textContent).toContain('Mia was removed.')
  pass(10_000)
  expect(region?.textContent).toBe('')
})

test('A notice stays while the pointer is on it, and can be closed', () => {
  act(() => toast('Mia was removed.'))
  const notice = screen.getByText('Mia was removed.')

  fireEvent.mouseEnter(notice.closest('.mantine-Paper-root') as Element)
  pass(60_000)

  expect(notice.isConnected).toBe(true)
  fireEvent.click(screen.getByRole('button', { name: 'Close this notice' }))
  expect(notice.isConnected).toBe(false)
})

test('Only the newest few are shown', () => {
  act(() => {
    for (const number of [1, 2, 3, 4, 5]) toast(`Number ${number}.`)
  })

  expect(screen.queryByText('Number 2.')).toBeNull()
  expect(screen.getByText('Number 5.').isConnected).toBe(true)
})

test('On a small screen there is one at a time, below the header, and an old one does not come back', () => {
  cleanup()
  const { matchMedia } = window
  vi.spyOn(window, 'matchMedia').mockImplementation((query) => ({ ...matchMedia(query), matches: true }))
  show(<Toasts />)

  act(() => {
    toast('The first.')
    toast('The second.')
  })

  expect(screen.queryByText('The first.')).toBeNull()
  const region = document.querySelector<HTMLElement>('[aria-live=polite]')
  expect(region?.style.top).toBe('64px')
  expect(region?.style.bottom).toBe('')
  fireEvent.click(screen.getByRole('button', { name: 'Close this notice' }))
  expect(region?.textContent).toBe('')
})
