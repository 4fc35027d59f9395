/** The icon and color of each kind of event. */
import {
  IconBan,
  IconGauge,
  type IconKey,
  IconPencil,
  IconPlus,
  IconRefresh,
  IconRobotOff,
  IconTrash,
  IconUsers,
} from '@tabler/icons-react'
import type { AuditEvent } from './operations'

interface Sign {
  Icon: typeof IconKey
  color: string
}

export const signs: Record<AuditEvent['action'], Sign> = {
  API_KEY_CREATED: { Icon: IconPlus, color: 'teal' },
  API_KEY_RENAMED: { Icon: IconPencil, color: 'gray' },
  API_KEY_ROTATED: { Icon: IconRefresh, color: 'indigo' },
  API_KEY_DELETED: { Icon: IconTrash, color: 'red' },
  API_KEY_LIMITS_CHANGED: { Icon: IconGauge, color: 'gray' },
  ORGANIZATION_LIMITS_CHANGED: { Icon: IconGauge, color: 'gray' },
  MEMBERSHIP_CHANGED: { Icon: IconUsers, color: 'gray' },
  API_KEY_CREATION_REFUSED: { Icon: IconBan, color: 'orange' },
  AGENT_DELETED: { Icon: IconRobotOff, color: 'red' },
}
