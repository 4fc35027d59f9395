/** What a host product’s link leads to: sends its code by itself, which uses the link up, and goes on to the console. */
import { Anchor, Button, Skeleton, Stack, Text } from '@mantine/core'
import { useEffect, useState } from 'react'
import { type CombinedError, Provider } from 'urql'
import { signInClient } from '../shared/client'
import { noAnswer } from '../shared/errors'
import type { ResultOf } from '../shared/graphql'
import { safeNext } from '../shared/session'
import { Trouble } from '../shared/Trouble'
import { useLinkToken } from './link-token'
import { OutsidePage } from './OutsidePage'
import { EnterByLink } from './operations'

type Answer = NonNullable<ResultOf<typeof EnterByLink>['enterByLink']>
type OtherPerson = Extract<Answer, { __typename: 'OtherPersonSignedIn' }>
type Outcome = { answer: Answer } | { error: CombinedError }

/** By token and attempt: a page that is drawn twice sends its code once. */
const sent = new Map<string, Promise<Outcome>>()

async function send(token: string, replacesSession: boolean): Promise<Outcome> {
  const { data, error } = await signInClient
    .mutation(EnterByLink, { input: { token, replacesSession } })
    .toPromise()
  return data?.enterByLink ? { answer: data.enterByLink } : { error: error ?? noAnswer() }
}

/** Not in the history: Back leads to the host product. */
function goOn(address: string) {
  window.location.replace(safeNext(address))
}

export function EnterPage({ onEntered = goOn }: { onEntered?: (address: string) => void }) {
  const token = useLinkToken()
  return (
    <Provider value={signInClient}>
      <OutsidePage title="Signing you in">
        {token === '' ? <NotValid /> : <Entering key={token} token={token} onEntered={onEntered} />}
      </OutsidePage>
    </Provider>
  )
}

function Entering({ token, onEntered }: { token: string; onEntered: (address: string) => void }) {
  const [outcome, setOutcome] = useState<Outcome>()
  const [attempt, setAttempt] = useState(0)
  /** Whether somebody else, who is signed in in this browser, has agreed that their session ends. */
  const [replacesSession, setReplacesSession] = useState(false)

  useEffect(() => {
    let isShown = true
    const key = `${token} ${attempt}`
    const sending = sent.get(key) ?? send(token, replacesSession)
    sent.set(key, sending)
    sending.then((found) => {
      if (!isShown) return
      setOutcome(found)
      if ('answer' in found && found.answer.__typename === 'EnteredByLink') {
        onEntered(`/organizations/${found.answer.organizationId}/${found.answer.path}`)
      }
    })
    return () => {
      isShown = false
    }
  }, [token, attempt, replacesSession, onEntered])

  const tryAgain = () => {
    setOutcome(undefined)
    setAttempt(attempt + 1)
  }
  if (outcome && 'error' in outcome) {
    return <Trouble error={outcome.error} what="You may not be signed in." onRetry={tryAgain} />
  }
  if (outcome?.answer.__typename === 'LinkNotValid') return <NotValid />
  if (outcome?.answer.__typename === 'OtherPersonSignedIn') {
    const goOnAs = () => {
      setReplacesSession(true)
      tryAgain()
    }
    return <SomebodyElse {...outcome.answer} onAgreed={goOnAs} />
  }
  return <Skeleton h={60} aria-label="Loading" />
}

/** Asks first: a page of somebody else’s can lead here too, with a link of its author’s. */
function SomebodyElse({ signedIn, user, onAgreed }: OtherPerson & { onAgreed: () => void }) {
  return (
    <Stack>
      <Text size="sm" role="status" style={{ overflowWrap: 'anywhere' }}>
        You are signed in as <b>{signedIn.email}</b>. This link is for <b>{user.email}</b> ({user.name}). If
        you did not expect this, stay signed in.
      </Text>
      <Button onClick={onAgreed} styles={{ label: { whiteSpace: 'normal' } }} h="auto" mih={36} py={6}>
        Continue as {user.email}
      </Button>
      <Button component="a" href="/" variant="default">
        Stay signed in
      </Button>
    </Stack>
  )
}

function NotValid() {
  return (
    <Stack gap="xs">
      <Text size="sm">
        This link no longer works. It was used already, or it is older than a minute, or you are no longer in
        the organization.
      </Text>
      <Text size="sm">
        Go back to the product that you came from, and open the API keys there again. If you were signed in
        here a moment ago, <Anchor href="/">open the console</Anchor>.
      </Text>
    </Stack>
  )
}
