/** The icon and color of each kind of event. */
import {
  IconBan,
  IconBuilding,
  IconGauge,
  type IconKey,
  IconLogin2,
  IconMail,
  IconMailOff,
  IconPencil,
  IconPlus,
  IconRefresh,
  IconRobot,
  IconRobotOff,
  IconTrash,
  IconUserPlus,
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
  ORGANIZATION_CREATED: { Icon: IconBuilding, color: 'teal' },
  ORGANIZATION_RENAMED: { Icon: IconPencil, color: 'gray' },
  ASSISTANT_MODEL_CHANGED: { Icon: IconPencil, color: 'gray' },
  MEMBERSHIP_CHANGED: { Icon: IconUsers, color: 'gray' },
  API_KEY_CREATION_REFUSED: { Icon: IconBan, color: 'orange' },
  AGENT_CREATED: { Icon: IconRobot, color: 'teal' },
  AGENT_RENAMED: { Icon: IconPencil, color: 'gray' },
  AGENT_DELETED: { Icon: IconRobotOff, color: 'red' },
  MEMBER_INVITED: { Icon: IconMail, color: 'indigo' },
  INVITATION_REVOKED: { Icon: IconMailOff, color: 'gray' },
  MEMBER_SIGNED_IN: { Icon: IconLogin2, color: 'gray' },
  SERVICE_TOKEN_CREATED: { Icon: IconPlus, color: 'teal' },
  SERVICE_TOKEN_REVOKED: { Icon: IconTrash, color: 'red' },
  MEMBER_JOINED: { Icon: IconUserPlus, color: 'teal' },
}
