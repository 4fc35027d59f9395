/** Shown for an address that does not exist and for one that this person may not see: the server does not tell which. */
import { Button, Stack, Text } from '@mantine/core'
import { Link } from 'react-router'
import { PageTitle } from './PageTitle'

export function NotFound({ what = 'page' }: { what?: string }) {
  return (
    <Stack align="flex-start" py="xl" maw={560}>
      <PageTitle>{`No such ${what}`}</PageTitle>
      <Text>
        This {what} does not exist, or you are not allowed to see it. If a colleague sent you the link, ask
        them who is allowed to.
      </Text>
      <Button component={Link} to="/" variant="default">
        Go to the first page
      </Button>
    </Stack>
  )
}
