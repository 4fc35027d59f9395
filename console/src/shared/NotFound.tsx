/** For an address that leads nowhere, or to what this person may not see: the two can't be told apart. */
import { Button, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { PageTitle } from './PageTitle'

export function NotFound({ what = 'page' }: { what?: string }) {
  return (
    <Stack align="flex-start" py="xl" maw={560}>
      <PageTitle>{`No such ${what}`}</PageTitle>
      <Text>
        There is no such {what}, or you may not see it. If a colleague sent you the link, ask who may.
      </Text>
      <Button component={Link} to="/" variant="default">
        To the console’s first page
      </Button>
    </Stack>
  )
}
