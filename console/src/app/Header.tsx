/** The bar on top: the product, the organization, its pages, the assistant, and the user's menu. */
import { Anchor, Box, Button, Divider, Group, Image, Text, VisuallyHidden } from '@mantine/core'
import { IconArrowLeft, IconMessageCircle } from '@tabler/icons-react'
import { useContext } from 'react'
import { Link } from 'react-router'
import { useAssistant } from '../shared/assistant-context'
import { backTo } from '../shared/back-to'
import { brand } from '../shared/brand'
import { OrganizationContext, useSignedIn } from '../shared/viewer'
import { Navigation, NavigationMenu, SkipLink } from './Navigation'
import { OrganizationSwitcher } from './OrganizationSwitcher'
import { UserMenu } from './UserMenu'

/** On pages outside an organization, it shows no organization and no assistant. */
export function Header() {
  const organization = useContext(OrganizationContext)
  return (
    <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="sm">
      <SkipLink />
      <Group wrap="nowrap" gap="sm" miw={0}>
        {organization && <NavigationMenu organization={organization} />}
        <Anchor
          component={Link}
          to={organization ? `/organizations/${organization.id}/api-keys` : '/'}
          underline="never"
          c="inherit"
        >
          <Group gap="xs" wrap="nowrap">
            <Image src={brand.logo} alt="" w={26} h={26} fit="contain" />
            <Text fw={600} visibleFrom="sm">
              {brand.name}
            </Text>
            <VisuallyHidden hiddenFrom="sm">{brand.name}</VisuallyHidden>
          </Group>
        </Anchor>
        {organization && (
          <>
            <Divider orientation="vertical" my={4} visibleFrom="sm" />
            <OrganizationSwitcher />
          </>
        )}
      </Group>
      {organization && <Navigation organization={organization} />}
      <Group wrap="nowrap" gap="xs" style={{ flexShrink: 0 }}>
        <BackButton />
        {organization && <AssistantButton />}
        <UserMenu />
      </Group>
    </Group>
  )
}

/** For people whom a host product sent here. On narrow screens, the user's menu has the way back. */
function BackButton() {
  const returnUrl = useSignedIn().viewer.returnUrl
  if (!returnUrl) return null
  return (
    <Button
      component="a"
      href={returnUrl}
      variant="subtle"
      size="xs"
      maw={260}
      visibleFrom="md"
      leftSection={<IconArrowLeft size={16} />}
    >
      {backTo(returnUrl)}
    </Button>
  )
}

function AssistantButton() {
  const assistant = useAssistant()
  return (
    <Button
      id="assistant-button"
      variant="default"
      size="xs"
      px={{ base: 7, xs: 14 }}
      aria-label="Assistant"
      aria-expanded={assistant.opened}
      onClick={() => (assistant.opened ? assistant.close() : assistant.open())}
    >
      <IconMessageCircle size={16} />
      <Box component="span" visibleFrom="xs" ml={8}>
        Assistant
      </Box>
    </Button>
  )
}
