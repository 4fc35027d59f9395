/** Shown in an empty chat: questions worth asking now. */
import { Button, Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from 'urql'
import { useOrganization } from '../shared/viewer'
import classes from './assistant.module.css'
import { StartersQuery } from './operations'
import type { About } from './use-chat'

export function Starters({ onAsk }: { onAsk: (message: string, about: About) => void }) {
  const { id } = useOrganization()
  const [{ data, fetching }] = useQuery({
    query: StartersQuery,
    // In the browser's language: nobody has chosen or written one yet.
    variables: { organizationId: id, language: navigator.language },
    requestPolicy: 'cache-and-network',
  })
  const starters = data?.organization?.assistantStarters ?? []
  return (
    <Stack gap="sm">
      <Text size="sm">
        Ask why a request was refused, how to do something, or what a key is used for. The assistant looks
        only at what you may see, shows what it found, and changes nothing.
      </Text>
      {starters.length > 0 && (
        <Text size="sm" fw={600} id="starters">
          Worth asking now
        </Text>
      )}
      <Stack gap="xs" role="group" aria-labelledby={starters.length > 0 ? 'starters' : undefined}>
        {!data && fetching && [0, 1, 2, 3].map((row) => <Skeleton key={row} h={34} />)}
        {starters.map(({ id, label, message }) => (
          <Button
            key={label}
            variant="default"
            fw={400}
            justify="flex-start"
            className={classes.choice}
            onClick={() => onAsk(message, { suggestionId: id })}
          >
            {label}
          </Button>
        ))}
      </Stack>
    </Stack>
  )
}
