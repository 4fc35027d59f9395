/** A dialog that closes only when nothing gets lost, and then returns the focus to where it was. */
import { Modal } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { type ReactNode, useCallback, useEffect, useState } from 'react'
import { type Hold, HoldContext, hold } from './holding'
import { useSignedOut } from './session'

interface Props {
  title: string
  onClose: () => void
  /** Ids of elements: the first that exists gets the focus where the element that had it is gone. */
  focusAfter?: string[]
  children: ReactNode
}

const nothing = () => undefined

/** A hold by its content (`useSubmit`, a secret that was not copied) keeps it open without further code in the content. */
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
  // Both are kept as they were when the dialog opened.
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

/** Not an item of a menu: it disappears when the menu closes. */
function canTakeFocus(element: Element | null): element is HTMLElement {
  return (
    element instanceof HTMLElement &&
    element !== document.body &&
    element.isConnected &&
    !element.closest('[role=menu]')
  )
}
