/** The page for signing in. */
import { Anchor, Center, Group, Image, Paper, Stack, Text, Title } from '@mantine/core'
import { useEffect } from 'react'
import { useSearchParams } from 'react-router'
import { useQuery } from 'urql'
import { graphql } from '../shared/graphql'
import icon from '../shared/icon.svg'
import { leaveFor, safeNext } from '../shared/session'
import { SignInForm } from './SignInForm'

const SupportEmail = graphql(`
  query SupportEmail {
    supportEmail
  }
`)

export function SignInPage() {
  const [search] = useSearchParams()
  const [{ data }] = useQuery({ query: SupportEmail })
  useEffect(() => {
    document.title = 'Sign in · Keydesk'
  }, [])
  return (
    <Center mih="100dvh" p="md">
      <Stack component="main" w="100%" maw={400} gap="lg">
        <Group gap="sm" justify="center">
          <Image src={icon} alt="" w={36} h={36} />
          <Title order={1} size="h3">
            Sign in to Keydesk
          </Title>
        </Group>
        <Paper withBorder p="lg" shadow="xs">
          <SignInForm
            supportEmail={data?.supportEmail ?? null}
            onSignedIn={() => leaveFor(safeNext(search.get('next')))}
          />
        </Paper>
        <Text size="sm" c="dimmed" ta="center">
          API keys for your organization. <Anchor href="/docs/guide/getting-started">How it works</Anchor>
        </Text>
      </Stack>
    </Center>
  )
}
