/** After another page was opened, moves the focus to its title, if the focus would be lost or is still on the link. */
import { useEffect, useRef } from 'react'
import { useLocation } from 'react-router'

export function useArrival() {
  const { pathname } = useLocation()
  const before = useRef(pathname)
  useEffect(() => {
    if (before.current === pathname) return
    before.current = pathname
    const focused = document.activeElement
    const isLost = focused === null || focused === document.body
    if (isLost || focused.closest('header')) document.getElementById('page-title')?.focus()
  }, [pathname])
}
