/** Which pages an organization has for a viewer. */
import type { Organization } from '../shared/viewer'

export interface Page {
  label: string
  path: string
  /** Not a page of the console. */
  isOutside?: boolean
}

export function pagesOf({ id, viewerRole }: Pick<Organization, 'id' | 'viewerRole'>): Page[] {
  const below = `/organizations/${id}`
  return [
    { label: 'API Keys', path: `${below}/api-keys` },
    ...(viewerRole === 'ORGANIZATION_ADMIN'
      ? [
          { label: 'Agents', path: `${below}/agents` },
          { label: 'People', path: `${below}/people` },
          { label: 'Tokens', path: `${below}/tokens` },
        ]
      : []),
    ...(viewerRole === 'MEMBER' ? [] : [{ label: 'Audit log', path: `${below}/audit-log` }]),
    { label: 'Documentation', path: '/docs/', isOutside: true },
  ]
}

/** Also on a page below it, such as the usage of one key. */
export function isCurrent({ path }: Page, pathname: string): boolean {
  return pathname === path || pathname.startsWith(`${path}/`)
}
