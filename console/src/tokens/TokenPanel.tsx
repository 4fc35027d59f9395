/** Shows a new token once, with a command that tries it. */
import { Code, Text } from '@mantine/core'
import { ShownOnce } from '../shared/ShownOnce'
import { useOrganization } from '../shared/viewer'

interface Props {
  secret: string
  onDone: () => void
}

export function TokenPanel({ secret, onDone }: Props) {
  const { id } = useOrganization()
  const query = JSON.stringify({ query: `{ organization(id: "${id}") { apiKeys { name hint } } }` })
  return (
    <ShownOnce
      label="Token"
      value={secret}
      warning="This is the only time the token is shown. Store it now where your program reads its secrets. Nobody can show it again."
      question="Leave without the token?"
      loss="You have not copied the token, and nobody can show it again. To get another one, you would have to revoke this one and create another."
      onDone={onDone}
    >
      <Text size="sm" fw={500} mt="xs">
        Try the token:
      </Text>
      <Code
        block
        tabIndex={0}
        style={{ whiteSpace: 'pre-wrap', wordBreak: 'break-all', userSelect: 'all' }}
      >{`curl ${window.location.origin}/graphql -H "Authorization: Bearer ${secret}" -H "Content-Type: application/json" -d '${query}'`}</Code>
    </ShownOnce>
  )
}
