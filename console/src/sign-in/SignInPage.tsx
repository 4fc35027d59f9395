/** The page for signing in. */
import { Anchor, Button, Skeleton, Text } from '@mantine/core'
import { useSearchParams } from 'react-router'
import { useQuery } from 'urql'
import { brand } from '../shared/brand'
import { leaveFor, safeNext } from '../shared/session'
import { OutsidePage } from './OutsidePage'
import { SignInMethodsQuery } from './operations'
import { startAt } from './provider'
import { SignInForm } from './SignInForm'
import { continueWith, SignInWays } from './SignInWays'

export function SignInPage() {
  const [search] = useSearchParams()
  const [{ data, error }] = useQuery({ query: SignInMethodsQuery })
  const next = safeNext(search.get('next'))
  return (
    <OutsidePage
      title={`Sign in to ${brand.name}`}
      below={
        <Text size="sm" c="dimmed" ta="center">
          API keys for your organization. <Anchor href="/docs/guide/getting-started">How it works</Anchor>
        </Text>
      }
    >
      {data || error ? (
        <SignInWays
          methods={data?.signInMethods ?? []}
          form={<SignInForm supportEmail={data?.supportEmail ?? null} onSignedIn={() => leaveFor(next)} />}
          button={(method, isFirst) => (
            <Button
              component="a"
              href={startAt(method, next)}
              fullWidth
              variant={isFirst ? 'filled' : 'default'}
            >
              {continueWith(method)}
            </Button>
          )}
        />
      ) : (
        <Skeleton h={200} aria-label="Loading" />
      )}
    </OutsidePage>
  )
}
