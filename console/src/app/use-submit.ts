/** Sends one mutation of a form or dialog: once, with the page held until its answer is there, and honest about an answer that was lost. */
import { useCallback, useEffect, useRef, useState } from 'react'
import { type AnyVariables, CombinedError, type TypedDocumentNode, useClient } from 'urql'
import { isUncertain } from './errors'
import { type Leave, useHold } from './holding'
import { isSignedOut } from './session'
import { useWaited } from './use-waited'

/** What the server shows after an answer was lost. */
export type Looked<Found> = { found: Found } | { absent: true } | { error: CombinedError }

export interface Lost<Found> {
  /** Undefined while the answer may still come: the person did not want to wait for it. */
  error?: CombinedError
  /** Undefined until the first look is over, and where nothing can be looked at. */
  looked?: Looked<Found>
  looks: number
}

type Stage<Found> =
  | { at: 'ready' }
  | { at: 'sending' }
  /** It was certainly not done. */
  | { at: 'failed'; error: CombinedError }
  /** It may have been done. */
  | { at: 'lost'; lost: Lost<Found> }

interface Options<Data, Variables extends AnyVariables, Answer, Before, Found> {
  mutation: TypedDocumentNode<Data, Variables>
  /** Types that the server may have changed even when no answer says so: what is shown of them is read again. */
  about?: { additionalTypenames: string[] }
  answerIn: (data: Data) => Answer | null | undefined
  /** Called once per answer. Leaving is possible again by then. */
  onAnswer: (answer: Answer) => void
  /** What is known before the first attempt, for `look` to compare with. */
  before?: () => Before
  /** Looks whether it was done although its answer was lost. */
  look?: (variables: Variables, before: Before) => Promise<Looked<Found>>
  /** Pages of the console on which the answer still finds its form. */
  allows?: (path: string) => boolean
}

export interface Submission<Found = unknown> {
  isPending: boolean
  /** The person waits long enough, or tried to leave: the reason why they can't is shown. */
  isReasonShown: boolean
  isSlow: boolean
  /** Shows what is known so far instead of waiting. The answer is still taken when it comes. */
  stopWaiting: () => void
  error?: CombinedError
  lost?: Lost<Found>
  /** Forgets what went wrong. */
  clear: () => void
}

const lookAgainMilliseconds = [3000, 10_000, 30_000]

export function useSubmit<Data, Variables extends AnyVariables, Answer, Before = undefined, Found = never>(
  options: Options<Data, Variables, Answer, Before, Found>,
): Submission<Found> & { send: (variables: Variables) => void } {
  const client = useClient()
  const hold = useHold()
  const [stage, setStage] = useState<Stage<Found>>({ at: 'ready' })
  const [isLooking, setIsLooking] = useState(false)
  const isPending = stage.at === 'sending' || isLooking
  const waited = useWaited(isPending)
  const newest = useRef(options)
  newest.current = options

  /** Set at once, and not with the next rendering: a second click finds it. */
  const isBusy = useRef(false)
  const attempt = useRef<{ variables: Variables; before: Before }>(undefined)
  const flight = useRef<Promise<Result<Data>>>(undefined)
  const stop = useRef<() => void>(undefined)
  const release = useRef<() => void>(undefined)
  const isMounted = useRef(false)
  useEffect(() => {
    isMounted.current = true
    return () => {
      isMounted.current = false
      release.current?.()
    }
  }, [])

  const look = useCallback(async (): Promise<Looked<Found> | undefined> => {
    const { look: ask } = newest.current
    return ask && attempt.current ? ask(attempt.current.variables, attempt.current.before) : undefined
  }, [])

  const noteLook = useCallback((looked: Looked<Found> | undefined) => {
    setStage((now) =>
      now.at === 'lost' ? { at: 'lost', lost: { ...now.lost, looked, looks: now.lost.looks + 1 } } : now,
    )
  }, [])

  const take = useCallback(
    (result: Result<Data>) => {
      flight.current = undefined
      const answer = result.data ? newest.current.answerIn(result.data) : undefined
      if (answer) {
        setStage({ at: 'ready' })
        newest.current.onAnswer(answer)
        return
      }
      const error = result.error ?? new CombinedError({ networkError: new Error('no answer') })
      if (isUncertain(error)) {
        setStage({ at: 'lost', lost: { error, looks: 0 } })
        look().then(noteLook)
      } else setStage({ at: 'failed', error })
    },
    [look, noteLook],
  )

  function holdOn() {
    release.current = hold({
      isPending: true,
      allows: options.allows,
      // Signed out, nothing is under way: the server refused it, and it is sent again after the sign-in.
      losesOnUnload: () => !isSignedOut(),
      onLeave: (leave: Leave) => {
        leave.stay()
        waited.show()
      },
    })
    isBusy.current = true
  }

  function letGo() {
    release.current?.()
    release.current = undefined
    isBusy.current = false
  }

  /** Whether the last attempt may be repeated: not while it may still be under way, or turns out to be done. */
  async function mayRepeat(lost: Lost<Found>): Promise<boolean> {
    if (!options.look || (lost.looked && 'found' in lost.looked)) return true
    setIsLooking(true)
    const looked = await look()
    setIsLooking(false)
    noteLook(looked)
    return looked !== undefined && 'absent' in looked
  }

  async function send(variables: Variables) {
    if (isBusy.current) return
    holdOn()
    if (!flight.current) {
      const lost = stage.at === 'lost' ? stage.lost : undefined
      if (lost && !(await mayRepeat(lost))) return letGo()
      if (!lost && !navigator.onLine) {
        letGo()
        return setStage({ at: 'failed', error: new CombinedError({ networkError: new Error('offline') }) })
      }
      const known = lost && !(lost.looked && 'found' in lost.looked) ? attempt.current?.before : undefined
      attempt.current = { variables, before: known ?? (options.before?.() as Before) }
      flight.current = client.mutation(options.mutation, variables, options.about).toPromise()
    }
    setStage({ at: 'sending' })
    const mine = flight.current
    const result = await Promise.race([
      mine,
      new Promise<undefined>((resolve) => {
        stop.current = () => resolve(undefined)
      }),
    ])
    letGo()
    if (result) return take(result)
    setStage({ at: 'lost', lost: { looks: 0 } })
    look().then(noteLook)
    // Nobody waits for it, but it is welcome, unless waiting began again.
    mine.then((late) => {
      if (isMounted.current && flight.current === mine && !isBusy.current) take(late)
    })
  }

  const lost = stage.at === 'lost' ? stage.lost : undefined
  const waitsForLook = lost !== undefined && !(lost.looked && 'found' in lost.looked) && lost.looks > 0
  const delay = waitsForLook ? lookAgainMilliseconds[(lost?.looks ?? 0) - 1] : undefined
  useEffect(() => {
    if (!waitsForLook || isLooking) return
    const again = () => look().then(noteLook)
    const timer = delay === undefined ? undefined : window.setTimeout(again, delay)
    window.addEventListener('online', again)
    return () => {
      window.clearTimeout(timer)
      window.removeEventListener('online', again)
    }
  }, [waitsForLook, isLooking, delay, look, noteLook])

  return {
    send,
    isPending,
    isReasonShown: waited.isReasonShown,
    isSlow: waited.isSlow && stage.at === 'sending',
    stopWaiting: () => stop.current?.(),
    error: stage.at === 'failed' ? stage.error : undefined,
    lost,
    clear: () => setStage({ at: 'ready' }),
  }
}

interface Result<Data> {
  data?: Data
  error?: CombinedError
}
