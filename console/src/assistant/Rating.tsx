/** Asks whether an answer helped. */
import { ActionIcon, Button, Group, Text } from '@mantine/core'
import { IconThumbDown, IconThumbDownFilled, IconThumbUp, IconThumbUpFilled } from '@tabler/icons-react'
import { useState } from 'react'
import { type CombinedError, useMutation } from 'urql'
import { isUncertain, problem } from '../shared/errors'
import { type Message, RateMessage } from './operations'

interface Props {
  message: Message
  onRated: (messageId: string, helpful: boolean) => void
  onContactSupport: () => void
}

export function Rating({ message, onRated, onContactSupport }: Props) {
  const [{ fetching }, rateMessage] = useMutation(RateMessage)
  const [error, setError] = useState<CombinedError>()
  const { helpful } = message

  async function rate(isHelpful: boolean) {
    setError(undefined)
    const result = await rateMessage({ messageId: message.id, helpful: isHelpful })
    if (result.data?.rateMessage) onRated(message.id, isHelpful)
    else setError(result.error)
  }

  return (
    <Group gap={4}>
      <ActionIcon
        size="sm"
        variant="subtle"
        color={helpful === true ? undefined : 'gray'}
        aria-label="This helped"
        aria-pressed={helpful === true}
        disabled={fetching}
        onClick={() => rate(true)}
      >
        {helpful === true ? <IconThumbUpFilled size={16} /> : <IconThumbUp size={16} />}
      </ActionIcon>
      <ActionIcon
        size="sm"
        variant="subtle"
        color={helpful === false ? undefined : 'gray'}
        aria-label="This did not help"
        aria-pressed={helpful === false}
        disabled={fetching}
        onClick={() => rate(false)}
      >
        {helpful === false ? <IconThumbDownFilled size={16} /> : <IconThumbDown size={16} />}
      </ActionIcon>
      <Text size="xs" c={error ? 'red' : 'dimmed'} role={error ? 'alert' : 'status'}>
        {error
          ? `${isUncertain(error) ? 'Your rating may not have been saved.' : 'Your rating was not saved.'} ${problem(error).sentence}`
          : helpful === null
            ? ''
            : 'Thank you.'}
      </Text>
      {helpful === false && (
        <Button size="compact-xs" variant="subtle" onClick={onContactSupport}>
          Talk to a person instead
        </Button>
      )}
    </Group>
  )
}
