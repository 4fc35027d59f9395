/** Shows a new secret once, with a command that tries it. */
import { Code, Text } from '@mantine/core'
import { ShownOnce } from '../shared/ShownOnce'

interface Props {
  secret: string
  onDone: () => void
}

export function SecretPanel({ secret, onDone }: Props) {
  return (
    <ShownOnce
      label="Secret"
      value={secret}
      warning="This is the only time the secret is shown. Store it now where your program reads its secrets. Nobody can show it again."
      question="Leave without the secret?"
      loss="You have not copied the secret, and nobody can show it again. To get another one, you would have to rotate the key."
      onDone={onDone}
    >
      <Text size="sm" fw={500} mt="xs">
        Try the key:
      </Text>
      <Code
        block
        tabIndex={0}
        style={{ whiteSpace: 'pre-wrap', wordBreak: 'break-all', userSelect: 'all' }}
      >{`curl -i ${window.location.origin}/v1/verify -H "Authorization: Bearer ${secret}"`}</Code>
    </ShownOnce>
  )
}
