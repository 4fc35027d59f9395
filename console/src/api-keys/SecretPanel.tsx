/** Shows a new secret, this once, and lets nobody leave by mistake before it was copied. */
import { Alert, Button, Code, Group, Stack, Text, Textarea } from '@mantine/core'
import { IconAlertTriangle, IconCheck, IconCopy } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useBeforeUnload, useBlocker } from 'react-router'
import { copyFrom } from '../app/copying'

interface Props {
  secret: string
  copied: boolean
  onCopied: () => void
  onDone: () => void
}

export function SecretPanel({ secret, copied, onCopied, onDone }: Props) {
  const field = useRef<HTMLTextAreaElement>(null)
  const [failed, setFailed] = useState(false)
  const leaving = useRef(false)
  const blocker = useBlocker(() => !copied && !leaving.current)
  const blocked = blocker.state === 'blocked'

  useEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])
  useBeforeUnload((event) => {
    if (!copied && !leaving.current) event.preventDefault()
  })

  async function copy() {
    if (field.current && (await copyFrom(field.current))) onCopied()
    else setFailed(true)
  }

  function done() {
    leaving.current = true
    if (blocked) blocker.reset()
    onDone()
  }

  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle />}>
        This is the only time the secret is shown. Store it now where your program reads its secrets from:
        nobody can show it again.
      </Alert>
      {/* A selection that a person copies by themselves counts, too. */}
      <Stack gap="xs" onCopy={onCopied}>
        <Textarea
          ref={field}
          label="Secret"
          value={secret}
          readOnly
          autosize
          spellCheck={false}
          onFocus={(event) => event.currentTarget.select()}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', wordBreak: 'break-all' } }}
        />
        <Group gap="sm">
          <Button
            onClick={copy}
            color={copied ? 'teal.9' : undefined}
            leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            aria-live="polite"
          >
            {copied ? 'Copied' : 'Copy'}
          </Button>
          {failed && !copied && (
            <Text size="sm" role="alert">
              The browser did not allow it: copy the selected text yourself.
            </Text>
          )}
        </Group>
        <Text size="sm" fw={500} mt="xs">
          Is it good? Try it:
        </Text>
        <Code
          block
          tabIndex={0}
          style={{ whiteSpace: 'pre-wrap', wordBreak: 'break-all', userSelect: 'all' }}
        >{`curl -i ${window.location.origin}/v1/verify -H "Authorization: Bearer ${secret}"`}</Code>
      </Stack>
      {blocked && !copied && (
        <Alert color="red" role="alert">
          The secret was not copied yet, and can’t be shown again. Copy it, or select Done.
        </Alert>
      )}
      <Group justify="flex-end">
        <Button variant={copied ? 'filled' : 'default'} onClick={done}>
          Done
        </Button>
      </Group>
    </Stack>
  )
}
