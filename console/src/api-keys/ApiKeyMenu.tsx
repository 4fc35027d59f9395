/** The menu ⋮ of one key: Edit, Usage, Rotate, Delete. */
import { ActionIcon, Menu } from '@mantine/core'
import { IconChartBar, IconDotsVertical, IconPencil, IconRefresh, IconTrash } from '@tabler/icons-react'
import { Link } from 'react-router'
import { menuId, useKeyDialogs } from '../shared/dialog-links'
import { useOrganization } from '../shared/viewer'
import type { ApiKey } from './operations'

export function ApiKeyMenu({ apiKey }: { apiKey: ApiKey }) {
  const { open } = useKeyDialogs()
  const { id } = useOrganization()
  return (
    <Menu id={menuId(apiKey.id)} position="bottom-end" shadow="md" width={160}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Menu of ${apiKey.name}`}>
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {apiKey.viewerCanManage && (
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => open('edit', apiKey.id)}>
            Edit
          </Menu.Item>
        )}
        <Menu.Item
          component={Link}
          to={`/organizations/${id}/api-keys/${apiKey.id}/usage`}
          leftSection={<IconChartBar size={16} />}
        >
          Usage
        </Menu.Item>
        {apiKey.viewerCanManage && (
          <>
            <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => open('rotate', apiKey.id)}>
              Rotate
            </Menu.Item>
            <Menu.Divider />
            <Menu.Item
              c="var(--mantine-color-error)"
              leftSection={<IconTrash size={16} />}
              onClick={() => open('delete', apiKey.id)}
            >
              Delete
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
