/** Shown instead of a page that failed, with a button that loads it again. */
import { Button, Code, Container, Stack, Text, Title } from '@mantine/core'
import { useRouteError } from 'react-router'
import { brand } from '../shared/brand'

export function PageError() {
  const error = useRouteError()
  return (
    <Container size="sm" py="xl">
      <Stack align="flex-start">
        <Title order={1} size="h3">
          This page failed
        </Title>
        <Text>
          The error is in the console, not in what you did. Loading the page again often helps, for example
          after an update of {brand.name}.
        </Text>
        <Code block w="100%">
          {error instanceof Error ? error.message : String(error)}
        </Code>
        <Button onClick={() => window.location.reload()}>Load again</Button>
      </Stack>
    </Container>
  )
}
