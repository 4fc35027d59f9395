/** Buttons for what may help. They open the same dialogs as the menu ⋮, and change nothing by themselves. */
import { Button, Group } from '@mantine/core'
import {
  IconChartBar,
  IconKey,
  IconLifebuoy,
  IconPencil,
  IconPlus,
  IconRefresh,
  IconRobot,
  IconTrash,
  IconUserPlus,
  IconUsers,
  type TablerIcon,
} from '@tabler/icons-react'
import { useNavigate } from 'react-router'
import { type KeyDialog, useKeyDialogs } from '../shared/dialog-links'
import { useOrganization } from '../shared/viewer'
import type { Action } from './operations'

const icons: Record<Action['kind'], TablerIcon> = {
  CREATE_API_KEY: IconPlus,
  RENAME_API_KEY: IconPencil,
  ROTATE_API_KEY: IconRefresh,
  DELETE_API_KEY: IconTrash,
  OPEN_USAGE: IconChartBar,
  CONTACT_SUPPORT: IconLifebuoy,
  REQUEST_API_KEY: IconKey,
  INVITE_MEMBER: IconUserPlus,
  OPEN_PEOPLE: IconUsers,
  OPEN_AGENTS: IconRobot,
}

const dialogOf: Partial<Record<Action['kind'], KeyDialog>> = {
  RENAME_API_KEY: 'edit',
  ROTATE_API_KEY: 'rotate',
  DELETE_API_KEY: 'delete',
}

/** The pages, below the organization's, of actions that are not about a key. */
const pageOf: Partial<Record<Action['kind'], string>> = {
  INVITE_MEMBER: 'people?invite',
  OPEN_PEOPLE: 'people',
  OPEN_AGENTS: 'agents',
}

interface Props {
  actions: readonly Action[]
  onContactSupport: () => void
  /** Called before something opens on the page, which the panel may be covering. */
  onLeave: () => void
}

export function SuggestedActions({ actions, onContactSupport, onLeave }: Props) {
  const { open } = useKeyDialogs()
  const navigate = useNavigate()
  const { id } = useOrganization()
  if (actions.length === 0) return null

  function follow({ kind, apiKey }: Action) {
    if (kind === 'CONTACT_SUPPORT') return onContactSupport()
    onLeave()
    const dialog = dialogOf[kind]
    const page = pageOf[kind]
    if (page) return navigate(`/organizations/${id}/${page}`)
    if (kind === 'CREATE_API_KEY') open('new')
    else if (kind === 'REQUEST_API_KEY') open('ask')
    else if (apiKey && dialog) open(dialog, apiKey.id)
    else if (apiKey) navigate(`/organizations/${id}/api-keys/${apiKey.id}/usage`)
    // Without a key that the person may see, it opens the list of keys.
    else navigate(`/organizations/${id}/api-keys`)
  }

  return (
    <Group gap="xs">
      {actions.map((action) => {
        const Icon = icons[action.kind]
        return (
          <Button
            key={`${action.kind} ${action.apiKey?.id}`}
            size="xs"
            variant="light"
            color={action.kind === 'DELETE_API_KEY' ? 'red' : undefined}
            leftSection={<Icon size={14} />}
            onClick={() => follow(action)}
            maw="100%"
          >
            {action.label}
          </Button>
        )
      })}
    </Group>
  )
}
