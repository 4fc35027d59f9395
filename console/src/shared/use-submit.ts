/** Sends the mutation of a form or dialog once, keeps the page until the answer is there, and handles a lost answer. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { type AnyVariables, CombinedError, type TypedDocumentNode, useClient } from 'urql'
import { isUncertain, noAnswer } from './errors'
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
  /** The server answered that it can't be done, in this sentence. */
  | { at: 'refused'; sentence: string }
  /** It was certainly not done. */
  | { at: 'failed'; error: CombinedError }
  /** It may have been done. */
  | { at: 'lost'; lost: Lost<Found> }

interface Options<Data, Variables extends AnyVariables, Answer, Before, Found> {
  mutation: TypedDocumentNode<Data, Variables>
  /** Types that the server may have changed even when no answer says so: what is shown of them is read again. */
  about?: { additionalTypenames: string[] }
  answerIn: (data: Data) => Answer | null | undefined
  /** Called once per answer, when the page can be left again. Returns the sentence to show where it is a refusal. */
  onAnswer: (answer: Answer, variables: Variables) => string | undefined
  /** Asks the server, before anything is sent, whether it should be. Returns the sentence to show where not, else null. */
  check?: () => Promise<string | null>
  /** What is known before the first attempt, for `look` to compare with. */
  before?: () => Before
  /** Looks whether it was done although its answer was lost. */
  look?: (variables: Variables, before: Before) => Promise<Looked<Found>>
  /** Pages of the console on which the answer still finds its form. */
  allows?: (path: string) => boolean
}

export interface Submission<Found = unknown> {
  isPending: boolean
  /** Nothing is sent yet: `look` first checks whether the last attempt was carried out. */
  isLooking: boolean
  /** The person has waited a while, or tried to leave: the page says why they have to wait. */
  isReasonShown: boolean
  isSlow: boolean
  /** Shows what is known so far instead of waiting. The answer is still taken when it comes. */
  stopWaiting: () => void
  /** Why the server did not do it. */
  refusal?: string
  error?: CombinedError
  lost?: Lost<Found>
  /** Forgets what went wrong. An answer that is still on its way is taken until something else is sent. */
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
  useLayoutEffect(() => {
    newest.current = options
  })

  /** A ref is set at once, not with the next rendering, so that a second click finds it set. */
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
    const about = attempt.current
    const looked = ask && about ? await ask(about.variables, about.before) : undefined
    if (about !== attempt.current) return looked // it says nothing of the attempt that is shown now
    setStage((now) =>
      now.at === 'lost' ? { at: 'lost', lost: { ...now.lost, looked, looks: now.lost.looks + 1 } } : now,
    )
    return looked
  }, [])

  const take = useCallback(
    (result: Result<Data>, variables: Variables) => {
      flight.current = undefined
      const answer = result.data ? newest.current.answerIn(result.data) : undefined
      if (answer) {
        const sentence = newest.current.onAnswer(answer, variables)
        setStage(sentence === undefined ? { at: 'ready' } : { at: 'refused', sentence })
        return
      }
      const error = result.error ?? noAnswer()
      if (isUncertain(error)) {
        setStage({ at: 'lost', lost: { error, looks: 0 } })
        look()
      } else setStage({ at: 'failed', error })
    },
    [look],
  )

  function holdOn() {
    release.current = hold({
      isPending: true,
      allows: options.allows,
      // While the person is signed out, nothing is on its way: the server refused it, and it is sent again after the sign-in.
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
    const looked = await Promise.race([look(), stopped()])
    setIsLooking(false)
    return looked !== undefined && 'absent' in looked
  }

  /** Resolves when the person does not want to wait any longer. */
  function stopped(): Promise<undefined> {
    return new Promise((resolve) => {
      stop.current = () => resolve(undefined)
    })
  }

  async function isChecked(check: () => Promise<string | null>): Promise<boolean> {
    setIsLooking(true)
    const sentence = await Promise.race([check(), stopped()])
    setIsLooking(false)
    if (typeof sentence === 'string') setStage({ at: 'refused', sentence })
    return sentence === null
  }

  /** Returns false where it must not be sent. */
  async function begin(variables: Variables, lost: Lost<Found> | undefined): Promise<boolean> {
    if (lost && !(await mayRepeat(lost))) return false
    if (!lost && !navigator.onLine) {
      setStage({ at: 'failed', error: new CombinedError({ networkError: new Error('offline') }) })
      return false
    }
    if (options.check && !(await isChecked(options.check))) return false
    const known = lost && !(lost.looked && 'found' in lost.looked) ? attempt.current?.before : undefined
    attempt.current = { variables, before: known ?? (options.before?.() as Before) }
    flight.current = client.mutation(options.mutation, variables, options.about).toPromise()
    return true
  }

  async function send(variables: Variables) {
    if (isBusy.current) return
    holdOn()
    const lost = stage.at === 'lost' ? stage.lost : undefined
    // “Keep waiting” waits for the attempt that is on its way. After the loss was dismissed, this is a new attempt.
    const keepsWaiting = lost !== undefined && flight.current !== undefined
    if (!keepsWaiting && !(await begin(variables, lost))) return letGo()
    const mine = flight.current
    const sent = attempt.current
    if (!mine || !sent) return letGo()
    setStage({ at: 'sending' })
    const result = await Promise.race([mine, stopped()])
    letGo()
    if (result) return take(result, sent.variables)
    setStage({ at: 'lost', lost: { looks: 0 } })
    look()
    // Nobody waits for this answer, but it is used when it comes, unless the person waits again.
    mine.then((late) => {
      if (isMounted.current && flight.current === mine && !isBusy.current) take(late, sent.variables)
    })
  }

  const lost = stage.at === 'lost' ? stage.lost : undefined
  const waitsForLook = lost !== undefined && !(lost.looked && 'found' in lost.looked) && lost.looks > 0
  const delay = waitsForLook ? lookAgainMilliseconds[(lost?.looks ?? 0) - 1] : undefined
  useEffect(() => {
    if (!waitsForLook || isLooking) return
    const again = () => void look()
    const timer = delay === undefined ? undefined : window.setTimeout(again, delay)
    window.addEventListener('online', again)
    return () => {
      window.clearTimeout(timer)
      window.removeEventListener('online', again)
    }
  }, [waitsForLook, isLooking, delay, look])

  return {
    send,
    isPending,
    isLooking,
    isReasonShown: waited.isReasonShown,
    isSlow: waited.isSlow,
    stopWaiting: () => stop.current?.(),
    refusal: stage.at === 'refused' ? stage.sentence : undefined,
    error: stage.at === 'failed' ? stage.error : undefined,
    lost,
    clear: () => setStage((now) => (now.at === 'sending' ? now : { at: 'ready' })),
  }
}

interface Result<Data> {
  data?: Data
  error?: CombinedError
}
