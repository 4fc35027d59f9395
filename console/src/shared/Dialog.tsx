/** A dialog that closes only when nothing is lost by it, and gives the focus back to where it was. */
import { Modal } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { type ReactNode, useCallback, useEffect, useState } from 'react'
import { type Hold, HoldContext, hold } from './holding'
import { useSignedOut } from './session'

interface Props {
  title: string
  onClose: () => void
  /** Where the focus goes when what had it is gone, the first that is there: ids of elements. */
  focusAfter?: string[]
  children: ReactNode
}

const nothing = () => undefined

/** What its content holds (`useSubmit`, a secret that nobody copied) keeps it open: its content need not ask for that. */
export function Dialog({ title, onClose, focusAfter = [], children }: Props) {
  const signedOut = useSignedOut() // the sign-in dialog is then on top, and Escape is not for this one
  const narrow = useMediaQuery('(max-width: 36em)', false, { getInitialValueInEffect: false })
  useFocusReturn([...focusAfter, 'page-title'])
  const [held, setHeld] = useState<readonly Hold[]>([])
  const newest = held.at(-1)

  const holdHere = useCallback((added: Hold) => {
    const release = hold(added)
    setHeld((now) => [...now, added])
    return () => {
      release()
      setHeld((now) => now.filter((each) => each !== added))
    }
  }, [])

  function close() {
    if (newest) newest.onLeave({ go: onClose, stay: nothing })
    else onClose()
  }

  return (
    <Modal
      opened
      onClose={close}
      title={title}
      closeButtonProps={{ 'aria-label': 'Close', disabled: newest?.isPending }}
      closeOnEscape={!signedOut}
      closeOnClickOutside={false}
      returnFocus={false}
      fullScreen={narrow}
      transitionProps={{ duration: 0 }}
    >
      <HoldContext value={holdHere}>{children}</HoldContext>
    </Modal>
  )
}

function useFocusReturn(otherwise: string[]) {
  // What counts is what was so when it opened.
  const [candidates] = useState(() => ({ before: document.activeElement, otherwise }))
  useEffect(
    () => () => {
      window.setTimeout(() => {
        if (document.querySelector('[role=dialog][aria-modal=true]')) return // another dialog took over
        const others = candidates.otherwise.map((id) => document.getElementById(id))
        ;[candidates.before, ...others].find(canTakeFocus)?.focus()
      })
    },
    [candidates],
  )
}

/** An item of a menu is gone as soon as the menu is closed. */
function canTakeFocus(element: Element | null): element is HTMLElement {
  return (
    element instanceof HTMLElement &&
    element !== document.body &&
    element.isConnected &&
    !element.closest('[role=menu]')
  )
}
