/** A dialog that keeps what was typed, and gives the focus back to where it was. */
import { Modal } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { type ReactNode, useEffect, useState } from 'react'
import { useSignedOut } from './session'

interface Props {
  title: string
  onClose: () => void
  /** While true, neither Escape nor a cross closes it. */
  locked?: boolean
  /** Where the focus goes when what had it is gone, the first that is there: ids of elements. */
  focusAfter?: string[]
  children: ReactNode
}

export function Dialog({ title, onClose, locked = false, focusAfter = [], children }: Props) {
  const signedOut = useSignedOut() // the sign-in dialog is then on top, and Escape is not for this one
  const narrow = useMediaQuery('(max-width: 36em)', false, { getInitialValueInEffect: false })
  useFocusReturn([...focusAfter, 'page-title'])
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      withCloseButton={!locked}
      closeOnEscape={!locked && !signedOut}
      closeOnClickOutside={false}
      returnFocus={false}
      fullScreen={narrow}
      transitionProps={{ duration: 0 }}
    >
      {children}
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
