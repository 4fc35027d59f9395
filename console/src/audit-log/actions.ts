/** The icon and color of each kind of event. */
import {
  IconAlertTriangle,
  IconBan,
  IconBell,
  IconBuilding,
  IconCheck,
  IconGauge,
  type IconKey,
  IconLogin2,
  IconMail,
  IconMailOff,
  IconPencil,
  IconPlus,
  IconRefresh,
  IconRefreshOff,
  IconRobot,
  IconRobotOff,
  IconTrash,
  IconUserPlus,
  IconUsers,
  IconWebhook,
  IconZzz,
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
  API_KEY_OVERLAP_ENDED: { Icon: IconRefreshOff, color: 'indigo' },
  API_KEY_DELETED: { Icon: IconTrash, color: 'red' },
  API_KEY_LIMITS_CHANGED: { Icon: IconGauge, color: 'gray' },
  ORGANIZATION_LIMITS_CHANGED: { Icon: IconGauge, color: 'gray' },
  ORGANIZATION_CREATED: { Icon: IconBuilding, color: 'teal' },
  ORGANIZATION_RENAMED: { Icon: IconPencil, color: 'gray' },
  ASSISTANT_MODEL_CHANGED: { Icon: IconPencil, color: 'gray' },
  WEBHOOK_CHANGED: { Icon: IconWebhook, color: 'gray' },
  NOTIFICATIONS_CHANGED: { Icon: IconBell, color: 'gray' },
  API_KEY_EXPOSED: { Icon: IconAlertTriangle, color: 'red' },
  API_KEY_EXPOSURE_ACKNOWLEDGED: { Icon: IconCheck, color: 'gray' },
  API_KEY_QUOTA_REACHED: { Icon: IconGauge, color: 'orange' },
  API_KEY_UNUSED: { Icon: IconZzz, color: 'gray' },
  API_KEY_REFUSALS_RISING: { Icon: IconBan, color: 'orange' },
  DEAD_KEY_STILL_USED: { Icon: IconAlertTriangle, color: 'orange' },
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
