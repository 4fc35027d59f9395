/** A form around one submission: its fields, what went wrong with it, and Cancel and Submit. */
import { Alert, Stack } from '@mantine/core'
import type { FormEvent, ReactNode } from 'react'
import { FormButtons, type FormButtonsProps } from './FormButtons'
import { LostAnswer, type LostAnswerProps } from './LostAnswer'
import { Trouble } from './Trouble'
import type { Submission } from './use-submit'

interface Props<Found> extends Omit<FormButtonsProps, 'submission'> {
  submission: Submission<Found>
  onSubmit: (event: FormEvent<HTMLFormElement>) => void
  /** What is said where it was certainly not done: *The key was not created.* */
  failure: string
  /** What is said where the answer was lost. */
  loss: Omit<LostAnswerProps<Found>, 'lost'>
  children: ReactNode
}

export function SubmitForm<Found>({
  submission,
  onSubmit,
  failure,
  loss,
  children,
  ...buttons
}: Props<Found>) {
  const { refusal, error, lost } = submission
  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack gap={buttons.size === 'xs' ? 'sm' : undefined}>
        {children}
        {refusal && <Refused>{refusal}</Refused>}
        {error && <Trouble error={error} what={failure} />}
        {lost && <LostAnswer lost={lost} {...loss} />}
        <FormButtons submission={submission} {...buttons} />
      </Stack>
    </form>
  )
}

/** The server's own sentence, where it belongs to no field. */
export function Refused({ children }: { children: string }) {
  return (
    <Alert color="red" role="alert">
      {children}
    </Alert>
  )
}
