/** Shows a secret or a link once, and asks before it disappears if it was not copied. */
import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { IconAlertTriangle, IconCheck, IconCopy } from '@tabler/icons-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { copyFrom } from './copying'
import { type Leave, useHold } from './holding'

interface Props {
  /** *Secret*. */
  label: string
  value: string
  /** Why it has to be stored now. */
  warning: ReactNode
  /** *Leave without the secret?* */
  question: string
  /** What is lost then, and how to get another one. */
  loss: string
  onDone: () => void
  /** Shown below the button, with the value: copying from there counts, too. */
  children?: ReactNode
}

export function ShownOnce({ label, value, warning, question, loss, onDone, children }: Props) {
  const field = useRef<HTMLTextAreaElement>(null)
  const [copied, setCopied] = useState(false)
  const [failed, setFailed] = useState(false)
  const { asked, leave, stay } = useUncopied(copied, onDone)

  useEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])

  async function copy() {
    if (field.current && (await copyFrom(field.current))) setCopied(true)
    else setFailed(true)
  }

  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle />}>
        {warning}
      </Alert>
      {/* Copying the selected text by hand counts, too. */}
      <Stack gap="xs" onCopy={() => setCopied(true)}>
        <Textarea
          ref={field}
          label={label}
          value={value}
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
              Your browser did not allow copying. Copy the selected text yourself.
            </Text>
          )}
        </Group>
        {children}
      </Stack>
      {asked ? (
        <Alert color="red" role="alert" title={question}>
          <Stack gap="sm">
            <Text size="sm">{loss}</Text>
            <Group justify="flex-end" gap="sm">
              <Button variant="default" onClick={leave}>
                Leave without it
              </Button>
              <Button onClick={stay} autoFocus>
                Stay
              </Button>
            </Group>
          </Stack>
        </Alert>
      ) : (
        <Group justify="flex-end">
          <Button variant={copied ? 'filled' : 'default'} onClick={leave}>
            Done
          </Button>
        </Group>
      )}
    </Stack>
  )
}

/** Every way out of the panel asks once while the secret is not copied. */
function useUncopied(copied: boolean, onDone: () => void) {
  const hold = useHold()
  const release = useRef<() => void>(undefined)
  const [leaving, setLeaving] = useState<Leave>()

  useEffect(() => {
    if (copied) return
    release.current = hold({ onLeave: setLeaving })
    return release.current
  }, [copied, hold])

  // Copied after the question: the person stays, and nothing is asked any more.
  useEffect(() => {
    if (!copied || !leaving) return
    leaving.stay()
    setLeaving(undefined)
  }, [copied, leaving])

  function leave() {
    if (!copied && !leaving) return setLeaving({ go: onDone, stay: () => undefined })
    release.current?.()
    if (leaving) leaving.go()
    else onDone()
  }

  function stay() {
    leaving?.stay()
    setLeaving(undefined)
  }

  return { asked: leaving !== undefined && !copied, leave, stay }
}
