/** The menu ⋮ of one row: of a person, an invitation, an agent. */
import { ActionIcon, Menu } from '@mantine/core'
import { IconDotsVertical, type TablerIcon } from '@tabler/icons-react'
import { menuId } from './dialog-links'

export interface RowAction {
  label: string
  Icon: TablerIcon
  onClick: () => void
  /** It takes something away. */
  isDanger?: boolean
}

interface Props {
  id: string
  /** Whose menu this is. */
  name: string
  actions: readonly RowAction[]
}

export function RowMenu({ id, name, actions }: Props) {
  return (
    <Menu id={menuId(id)} position="bottom-end" shadow="md" width={190}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Menu of ${name}`}>
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actions.map(({ label, Icon, onClick, isDanger }) => (
          <Menu.Item
            key={label}
            c={isDanger ? 'var(--mantine-color-error)' : undefined}
            leftSection={<Icon size={16} />}
            onClick={onClick}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
