/** The open invitations, each with a menu. */
import { Badge, Text } from '@mantine/core'
import { IconMailForward, IconMailOff } from '@tabler/icons-react'
import { RelativeTime } from '../shared/RelativeTime'
import { RowMenu } from '../shared/RowMenu'
import { type Column, Rows } from '../shared/Rows'
import { roleTitle } from '../shared/viewer'
import { AgentNames } from './AgentNames'
import { usePeopleDialogs } from './dialogs'
import type { Invitation } from './operations'
import { isExpired } from './use-people'

const columns: Column<Invitation>[] = [
  {
    label: 'Address',
    cell: ({ email }) => (
      <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
        {email}
      </Text>
    ),
  },
  {
    label: 'Role',
    width: '22%',
    cell: ({ role, agents }) => (
      <>
        <Text size="sm">{roleTitle(role)}</Text>
        {agents.length > 0 && <AgentNames agents={agents} />}
      </>
    ),
  },
  {
    label: 'Invited by',
    width: '20%',
    cell: ({ invitedBy, createdAt }) => (
      <>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {invitedBy?.name ?? 'The operator'}
        </Text>
        <Text size="xs" c="dimmed">
          <RelativeTime at={createdAt} />
        </Text>
      </>
    ),
    card: ({ invitedBy, createdAt }) => (
      <Text size="sm" c="dimmed">
        Invited by {invitedBy?.name ?? 'the operator'} <RelativeTime at={createdAt} />
      </Text>
    ),
  },
  { label: 'State', width: '20%', cell: (invitation) => <State invitation={invitation} /> },
]

export function Invitations({ invitations }: { invitations: readonly Invitation[] }) {
  const { open } = usePeopleDialogs()
  return (
    <Rows
      label="Invitations"
      rows={invitations}
      idOf={({ id }) => id}
      columns={columns}
      menu={({ id, email }) => (
        <RowMenu
          id={id}
          name={email}
          actions={[
            { label: 'Send again', Icon: IconMailForward, onClick: () => open('resend', id) },
            { label: 'Revoke', Icon: IconMailOff, onClick: () => open('revoke', id), isDanger: true },
          ]}
        />
      )}
    />
  )
}

function State({ invitation }: { invitation: Invitation }) {
  const { expiresAt, sentAt } = invitation
  const expired = isExpired(invitation)
  return (
    <>
      <Badge size="sm" variant="dot" color={expired ? 'red' : sentAt ? 'teal' : 'gray'}>
        {expired ? 'Expired' : sentAt ? 'Mailed' : 'Waiting'}
      </Badge>
      <Text size="xs" c="dimmed">
        {!expired && !sentAt && 'Not mailed yet. '}
        {expired ? 'Ended ' : 'Ends '}
        <RelativeTime at={expiresAt} />
      </Text>
    </>
  )
}
