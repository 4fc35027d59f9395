/** The user icon at the top right, and its menu. */
import { ActionIcon, Menu, Text } from '@mantine/core'
import {
  IconArrowLeft,
  IconBook,
  IconBrandGraphql,
  IconHistory,
  IconKey,
  IconLock,
  IconLogout,
  IconUser,
} from '@tabler/icons-react'
import { lazy, Suspense, useContext, useState } from 'react'
import { Link } from 'react-router'
import { backTo } from '../shared/back-to'
import { type Organization, OrganizationContext, roleNames, useSignedIn } from '../shared/viewer'
import { useSignOut } from '../sign-in/SignOut'

const ChangePasswordDialog = lazy(async () => ({
  default: (await import('../sign-in/ChangePasswordDialog')).ChangePasswordDialog,
}))

export function UserMenu() {
  const { viewer, signInMethods } = useSignedIn()
  const organization = useContext(OrganizationContext)
  const { signOut, trouble } = useSignOut()
  const [changingPassword, setChangingPassword] = useState(false)
  return (
    <>
      <Menu id="user-menu" position="bottom-end" shadow="md" width={240}>
        <Menu.Target>
          <ActionIcon variant="default" size={30} radius="xl" aria-label={`User menu of ${viewer.user.name}`}>
            <IconUser size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            <Text size="sm" fw={600} c="var(--mantine-color-text)" truncate>
              {viewer.user.name}
            </Text>
            <Text size="xs" truncate>
              {viewer.user.email}
            </Text>
            {organization && <Text size="xs">{roleNames[organization.viewerRole]}</Text>}
          </Menu.Label>
          <Menu.Divider />
          {viewer.returnUrl && (
            <>
              <Menu.Item component="a" href={viewer.returnUrl} leftSection={<IconArrowLeft size={16} />}>
                {backTo(viewer.returnUrl)}
              </Menu.Item>
              <Menu.Divider />
            </>
          )}
          {organization && <PagesOf organization={organization} />}
          {!viewer.isVisit && signInMethods.some(({ kind }) => kind === 'PASSWORD') && (
            <Menu.Item leftSection={<IconLock size={16} />} onClick={() => setChangingPassword(true)}>
              Change password
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconLogout size={16} />} onClick={signOut}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {trouble}
      {changingPassword && (
        <Suspense>
          <ChangePasswordDialog onClose={() => setChangingPassword(false)} />
        </Suspense>
      )}
    </>
  )
}

function PagesOf({ organization }: { organization: Organization }) {
  const pages = `/organizations/${organization.id}`
  return (
    <>
      <Menu.Item component={Link} to={`${pages}/api-keys`} leftSection={<IconKey size={16} />}>
        API Keys
      </Menu.Item>
      <Menu.Item component={Link} to={`${pages}/audit-log`} leftSection={<IconHistory size={16} />}>
        Audit log
      </Menu.Item>
      <Menu.Divider />
      <Menu.Item component="a" href="/docs/" leftSection={<IconBook size={16} />}>
        Documentation
      </Menu.Item>
      {organization.viewerRole === 'ORGANIZATION_ADMIN' && (
        <Menu.Item component="a" href="/graphiql" leftSection={<IconBrandGraphql size={16} />}>
          GraphiQL
        </Menu.Item>
      )}
      <Menu.Divider />
    </>
  )
}
