/** Lists the organization's admins with their addresses, so that people know whom to ask. */
import { Anchor, List } from '@mantine/core'
import { useOrganization } from './viewer'

export function Admins() {
  const { admins } = useOrganization()
  return (
    <List size="sm" spacing={4}>
      {admins.map((each) => (
        <List.Item key={each.id}>
          {each.name}, <Anchor href={`mailto:${each.email}`}>{each.email}</Anchor>
        </List.Item>
      ))}
    </List>
  )
}
