/** The button of the identity provider on the page of an invitation. */
import { Button, Stack } from '@mantine/core'
import { useState } from 'react'
import { Refused } from '../shared/SubmitForm'
import { leaveFor } from '../shared/session'
import type { SignInMethod } from '../shared/viewer'
import { startWithInvitation } from './provider'
import { continueWith } from './SignInWays'

interface Props {
  method: SignInMethod
  isFirst: boolean
  token: string
}

export function ProviderButton({ method, isFirst, token }: Props) {
  const [isPending, setIsPending] = useState(false)
  const [problem, setProblem] = useState<string>()

  async function start() {
    setIsPending(true)
    setProblem(undefined)
    const begun = await startWithInvitation(token)
    if ('url' in begun) return leaveFor(begun.url)
    setIsPending(false)
    setProblem(begun.problem)
  }

  return (
    <Stack>
      <Button fullWidth variant={isFirst ? 'filled' : 'default'} onClick={start} loading={isPending}>
        {continueWith(method)}
      </Button>
      {problem && <Refused>{problem}</Refused>}
    </Stack>
  )
}
