/** The organization's people and open invitations. For organization admins. */
import { Button, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { Admins } from '../shared/Admins'
import { LoadingRows } from '../shared/ListStates'
import { PageTitle } from '../shared/PageTitle'
import { leaveFor } from '../shared/session'
import { Trouble } from '../shared/Trouble'
import { roleNames, useOrganization, useSignedIn } from '../shared/viewer'
import { usePeopleDialogs } from './dialogs'
import { Invitations } from './Invitations'
import { Members } from './Members'
import { PeopleDialogs } from './PeopleDialogs'
import type { Removed } from './RemoveDialog'
import { RemovedNotice } from './RemovedNotice'
import { matching, usePeople } from './use-people'

export function PeoplePage() {
  const { viewerRole } = useOrganization()
  if (viewerRole === 'ORGANIZATION_ADMIN') return <ForAdmins />
  return (
    <Stack>
      <PageTitle>People</PageTitle>
      <Paper withBorder p="lg">
        <Stack gap="xs">
          <Text size="sm">
            Organization admins invite people and choose their roles. Your role in this organization is{' '}
            {roleNames[viewerRole]}. If somebody should join, leave or get another role, ask one of them:
          </Text>
          <Admins />
        </Stack>
      </Paper>
    </Stack>
  )
}

function ForAdmins() {
  const { viewer } = useSignedIn()
  const { people, error, fetching, refetch } = usePeople()
  const { open } = usePeopleDialogs()
  const [search, setSearch] = useState('')
  const [removed, setRemoved] = useState<Removed>()
  const found = matching(people?.members ?? [], search)

  function onRemoved(now: Removed) {
    // Without the organization, this page has nothing to show.
    if (now.userId === viewer.user.id) leaveFor('/')
    else setRemoved(now.keysSeen.length + now.tokensMade.length > 0 ? now : undefined)
  }

  return (
    <Stack>
      <Group justify="space-between">
        <PageTitle>People</PageTitle>
        <Button id="invite" leftSection={<IconPlus size={16} />} onClick={() => open('invite')}>
          Invite
        </Button>
      </Group>
      {error && !fetching && <Trouble error={error} what="The people could not be read." onRetry={refetch} />}
      {removed && (
        <RemovedNotice key={removed.userId} removed={removed} onClose={() => setRemoved(undefined)} />
      )}
      <TextInput
        placeholder="Search name or address"
        aria-label="Search"
        type="search"
        leftSection={<IconSearch size={16} />}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
        w={{ base: '100%', xs: 280 }}
      />
      {!people ? (
        !error && <LoadingRows />
      ) : found.length === 0 ? (
        <Paper withBorder p="lg">
          <Text size="sm">Nobody’s name or address matches “{search}”.</Text>
        </Paper>
      ) : (
        <Members members={found} />
      )}
      {people && (
        <>
          <Title order={2} size="h4" mt="md">
            Invitations
          </Title>
          {people.invitations.length > 0 ? (
            <Invitations invitations={people.invitations} />
          ) : (
            <Text size="sm" c="dimmed">
              No invitation is open.
            </Text>
          )}
        </>
      )}
      <PeopleDialogs people={people} onRemoved={onRemoved} />
    </Stack>
  )
}
