/** The bar on top: the product, the organization, the assistant, and the user's menu. */
import { Anchor, Button, Divider, Group, Image, Text, VisuallyHidden } from '@mantine/core'
import { IconMessageCircle } from '@tabler/icons-react'
import { useContext } from 'react'
import { Link } from 'react-router'
import { useAssistant } from '../shared/assistant-context'
import icon from '../shared/icon.svg'
import { OrganizationContext } from '../shared/viewer'
import { OrganizationSwitcher } from './OrganizationSwitcher'
import { UserMenu } from './UserMenu'

/** On pages outside an organization, it shows no organization and no assistant. */
export function Header() {
  const organization = useContext(OrganizationContext)
  return (
    <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="sm">
      <Group wrap="nowrap" gap="sm" miw={0}>
        <Anchor
          component={Link}
          to={organization ? `/organizations/${organization.id}/api-keys` : '/'}
          underline="never"
          c="inherit"
        >
          <Group gap="xs" wrap="nowrap">
            <Image src={icon} alt="" w={26} h={26} />
            <Text fw={600} visibleFrom="sm">
              Keydesk
            </Text>
            <VisuallyHidden hiddenFrom="sm">Keydesk</VisuallyHidden>
          </Group>
        </Anchor>
        {organization && (
          <>
            <Divider orientation="vertical" my={4} visibleFrom="sm" />
            <OrganizationSwitcher />
          </>
        )}
      </Group>
      <Group wrap="nowrap" gap="xs">
        {organization && <AssistantButton />}
        <UserMenu />
      </Group>
    </Group>
  )
}

function AssistantButton() {
  const assistant = useAssistant()
  return (
    <Button
      id="assistant-button"
      variant="default"
      size="xs"
      leftSection={<IconMessageCircle size={16} />}
      aria-expanded={assistant.opened}
      onClick={() => (assistant.opened ? assistant.close() : assistant.open())}
    >
      Assistant
    </Button>
  )
}
