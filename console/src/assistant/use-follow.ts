/** Keeps the newest message visible while it grows, unless the person has scrolled away. */
import { type RefObject, useCallback, useLayoutEffect, useRef } from 'react'

const nearPixels = 40

/** `grown` changes with what is shown; with a new `question`, following begins again. */
export function useFollow(
  scroller: RefObject<HTMLElement | null>,
  grown: unknown,
  question: string | undefined,
) {
  const follows = useRef(true)
  const wanted = useRef(0)

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new question is what begins it again
  useLayoutEffect(() => {
    follows.current = true
  }, [question])

  // biome-ignore lint/correctness/useExhaustiveDependencies: growing is what moves it
  useLayoutEffect(() => {
    const box = scroller.current
    if (!box || !follows.current) return
    const asked = [...box.querySelectorAll<HTMLElement>('[data-author=PERSON]')].at(-1)
    const bottom = box.scrollHeight - box.clientHeight
    // A long answer is read from its beginning, so the question stays visible.
    wanted.current = asked ? Math.min(bottom, asked.offsetTop - box.offsetTop - 12) : bottom
    box.scrollTop = wanted.current
  }, [scroller, grown, question])

  const onScroll = useCallback(() => {
    const box = scroller.current
    if (box)
      follows.current =
        box.scrollTop > Math.min(wanted.current, box.scrollHeight - box.clientHeight) - nearPixels
  }, [scroller])

  return { onScroll }
}
