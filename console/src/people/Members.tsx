/** The people of the organization, each with a menu. */
import { Badge, Group, Text } from '@mantine/core'
import { IconUserEdit, IconUserMinus } from '@tabler/icons-react'
import { RelativeTime } from '../shared/RelativeTime'
import { RowMenu } from '../shared/RowMenu'
import { type Column, Rows } from '../shared/Rows'
import { roleTitle, useSignedIn } from '../shared/viewer'
import { AgentNames } from './AgentNames'
import { usePeopleDialogs } from './dialogs'
import type { Member } from './operations'

const columns: Column<Member>[] = [
  { label: 'Name', cell: (member) => <Who member={member} /> },
  {
    label: 'Role',
    width: '22%',
    cell: ({ role }) => <Text size="sm">{roleTitle(role)}</Text>,
  },
  {
    label: 'Agents',
    width: '24%',
    cell: ({ agents }) => <AgentNames agents={agents} />,
    card: ({ agents }) => agents.length > 0 && <AgentNames agents={agents} label="Agents:" />,
  },
  {
    label: 'Last sign-in',
    width: '16%',
    cell: (member) => <LastSignIn member={member} />,
    card: (member) => (
      <Text size="sm" c="dimmed">
        Last sign-in: <LastSignIn member={member} />
      </Text>
    ),
  },
]

export function Members({ members }: { members: readonly Member[] }) {
  const { open } = usePeopleDialogs()
  return (
    <Rows
      label="People"
      rows={members}
      idOf={({ user }) => user.id}
      columns={columns}
      menu={({ user, viewerCanManage }) =>
        viewerCanManage && (
          <RowMenu
            id={user.id}
            name={user.name}
            actions={[
              { label: 'Change role', Icon: IconUserEdit, onClick: () => open('change', user.id) },
              {
                label: 'Remove',
                Icon: IconUserMinus,
                onClick: () => open('remove', user.id),
                isDanger: true,
              },
            ]}
          />
        )
      }
    />
  )
}

function Who({ member: { user } }: { member: Member }) {
  const { viewer } = useSignedIn()
  return (
    <>
      <Group gap="xs">
        <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
          {user.name}
        </Text>
        {viewer.user.id === user.id && (
          <Badge size="sm" color="gray" variant="light">
            You
          </Badge>
        )}
      </Group>
      <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
        {user.email}
      </Text>
    </>
  )
}

function LastSignIn({ member: { lastSignedInAt } }: { member: Member }) {
  return (
    <Text span size="sm">
      {lastSignedInAt ? <RelativeTime at={lastSignedInAt} /> : '—'}
    </Text>
  )
}
