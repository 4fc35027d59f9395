/** Cancel and Submit at the end of a form. While the answer is on its way, a text above them says why neither works. */
import { Button, type ButtonProps, Group, Text } from '@mantine/core'
import { useEffect, useRef } from 'react'
import type { Lost, Submission } from './use-submit'

export interface FormButtonsProps {
  submission: Submission
  /** *Create*. */
  label: string
  /** What the button says where the server shows that it was done, and it can be done once more. */
  labelWhenFound?: string
  /** What is going on, and why one waits for it: *Creating the key. Its secret is shown here, and only once.* */
  doing: string
  onCancel?: () => void
  color?: ButtonProps['color']
  size?: ButtonProps['size']
  disabled?: boolean
  /** Cancel gets the focus when the dialog opens. */
  focusCancel?: boolean
}

export function FormButtons({ submission, label, labelWhenFound, doing, ...look }: FormButtonsProps) {
  const { onCancel, color, size, disabled, focusCancel } = look
  const { isPending, isLooking, isReasonShown, isSlow, stopWaiting, lost } = submission
  const submit = useFocusBack(isPending)
  return (
    <div>
      <div role="status">
        {isReasonShown && (
          <Text size="sm" mb="xs">
            {isLooking ? 'Checking whether it was done already.' : doing}
            {isSlow && ' This is taking longer than usual.'}
          </Text>
        )}
      </div>
      <Group justify="flex-end">
        {isSlow && (
          <Button variant="subtle" size={size} onClick={stopWaiting}>
            Stop waiting
          </Button>
        )}
        {onCancel && (
          <Button
            variant="default"
            size={size}
            onClick={onCancel}
            disabled={isPending}
            data-autofocus={focusCancel || undefined}
          >
            {lost ? 'Close' : 'Cancel'}
          </Button>
        )}
        <Button ref={submit} type="submit" color={color} size={size} loading={isPending} disabled={disabled}>
          {lost ? nextStep(lost, labelWhenFound) : label}
        </Button>
      </Group>
    </div>
  )
}

/** A disabled button loses the focus. It gets the focus back when it works again, unless the person moved it elsewhere. */
function useFocusBack(isPending: boolean) {
  const button = useRef<HTMLButtonElement>(null)
  const wasPending = useRef(false)
  useEffect(() => {
    if (wasPending.current && !isPending && document.activeElement === document.body) button.current?.focus()
    wasPending.current = isPending
  }, [isPending])
  return button
}

function nextStep({ error, looked }: Lost<unknown>, labelWhenFound = 'Try again'): string {
  if (!error) return 'Keep waiting'
  return looked && 'found' in looked ? labelWhenFound : 'Try again'
}
