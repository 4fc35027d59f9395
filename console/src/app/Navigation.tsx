/** The organization's pages, in the header: as links, and where there is no room for them, behind a menu button. */
import { ActionIcon, Box, Button, Group, Menu } from '@mantine/core'
import { IconMenu2 } from '@tabler/icons-react'
import { Link, useLocation } from 'react-router'
import type { Organization } from '../shared/viewer'
import classes from './Navigation.module.css'
import { isCurrent, type Page, pagesOf } from './pages'

interface Props {
  organization: Organization
}

export function Navigation({ organization }: Props) {
  const { pathname } = useLocation()
  return (
    <Group
      component="nav"
      aria-label="Pages"
      className={classes.links}
      gap={2}
      wrap="nowrap"
      visibleFrom="md"
    >
      {pagesOf(organization).map((page) => (
        <Box key={page.path} className={classes.link} {...linkTo(page, pathname)}>
          {page.label}
        </Box>
      ))}
    </Group>
  )
}

export function NavigationMenu({ organization }: Props) {
  const { pathname } = useLocation()
  return (
    <Box component="nav" aria-label="Pages" hiddenFrom="md">
      <Menu position="bottom-start" shadow="md" width={220}>
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label="Pages">
            <IconMenu2 size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {pagesOf(organization).map((page) => (
            <Menu.Item key={page.path} className={classes.item} {...linkTo(page, pathname)}>
              {page.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Box>
  )
}

/** The first element that the keyboard reaches. */
export function SkipLink() {
  return (
    <Button size="xs" className={classes.skip} onClick={() => document.getElementById('page-title')?.focus()}>
      Skip to the page
    </Button>
  )
}

function linkTo(page: Page, pathname: string) {
  return {
    component: Link,
    to: page.path,
    reloadDocument: page.isOutside,
    'aria-current': isCurrent(page, pathname) ? ('page' as const) : undefined,
  }
}
