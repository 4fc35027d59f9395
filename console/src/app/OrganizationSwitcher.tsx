/** Shows which organization the page is about, and leads to the viewer's others. */
import { Menu, Text, UnstyledButton } from '@mantine/core'
import { IconCheck, IconChevronDown } from '@tabler/icons-react'
import { useNavigate } from 'react-router'
import { roleNames, useOrganization, useSignedIn } from '../shared/viewer'
import classes from './OrganizationSwitcher.module.css'

export function OrganizationSwitcher() {
  const { viewer } = useSignedIn()
  const organization = useOrganization()
  const navigate = useNavigate()
  if (viewer.organizations.length === 1) {
    return (
      <Text size="sm" truncate>
        {organization.name}
      </Text>
    )
  }
  return (
    <Menu position="bottom-start" shadow="md" width={280}>
      <Menu.Target>
        <UnstyledButton className={classes.button} aria-label={`Organization: ${organization.name}. Switch`}>
          <Text size="sm" truncate>
            {organization.name}
          </Text>
          <IconChevronDown size={14} style={{ flexShrink: 0 }} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Organizations</Menu.Label>
        {viewer.organizations.map((each) => (
          <Menu.Item
            key={each.id}
            aria-current={each.id === organization.id || undefined}
            rightSection={each.id === organization.id && <IconCheck size={14} />}
            onClick={() => navigate(`/organizations/${each.id}/api-keys`)}
          >
            <Text size="sm" truncate>
              {each.name}
            </Text>
            <Text size="xs" c="dimmed">
              {roleNames[each.viewerRole]}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
