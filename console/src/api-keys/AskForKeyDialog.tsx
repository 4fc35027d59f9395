/** Asks the organization's admins for a key: a form, then what happens next. */
import { Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { FoundDone } from '../shared/FoundDone'
import { showInvalid, whenValid } from '../shared/invalid-input'
import { nameProblem } from '../shared/names'
import { SubmitForm } from '../shared/SubmitForm'
import { useSubmit } from '../shared/use-submit'
import { useOrganization } from '../shared/viewer'
import { RequestApiKey } from './operations'

export function AskForKeyDialog({ onClose }: { onClose: () => void }) {
  const [isMailed, setIsMailed] = useState<boolean>()
  return (
    <Dialog title="Ask for a key" onClose={onClose} focusAfter={['ask-for-key']}>
      {isMailed === undefined ? (
        <AskForKeyForm onAsked={setIsMailed} onCancel={onClose} />
      ) : (
        <FoundDone onClose={onClose}>
          {isMailed
            ? 'Your request is on its way to the organization admins by mail. They also see it on their API Keys page.'
            : 'Your request was stored. The organization admins see it on their API Keys page. No mail was sent to them, so you may want to tell them.'}
        </FoundDone>
      )}
    </Dialog>
  )
}

interface FormProps {
  onAsked: (isMailed: boolean) => void
  onCancel: () => void
}

const longestReason = 1000

export function AskForKeyForm({ onAsked, onCancel }: FormProps) {
  const { id: organizationId } = useOrganization()
  const form = useForm({
    initialValues: { name: '', reason: '' },
    validate: {
      name: (value) => nameProblem(value, 'Enter a name that says which program uses the key.'),
      reason: reasonProblem,
    },
  })
  const asking = useSubmit({
    mutation: RequestApiKey,
    answerIn: (data) => data.requestApiKey,
    onAnswer: (answer) => {
      if (answer.__typename === 'InvalidInput') return showInvalid(form, answer)
      onAsked(answer.isMailed)
    },
  })
  return (
    <SubmitForm
      submission={asking}
      onSubmit={whenValid(form, (values) => asking.send({ input: { organizationId, ...values } }))}
      failure="Nobody was asked."
      loss={{
        what: 'The request may have been stored.',
        absent: 'If you try again, the organization admins may see it twice.',
      }}
      label="Ask"
      doing="Sending your request."
      onCancel={onCancel}
    >
      <TextInput
        label="Name of the key"
        description="The program that uses the key, such as: billing, nightly export"
        autoComplete="off"
        data-autofocus
        {...form.getInputProps('name')}
      />
      <Textarea
        label="What for"
        description="Also name the agent that the program calls, if you know it."
        autosize
        minRows={3}
        maxRows={10}
        {...form.getInputProps('reason')}
      />
    </SubmitForm>
  )
}

export function reasonProblem(reason: string): string | null {
  const { length } = [...reason.trim()]
  if (length === 0) return 'Say in a few words what the key is for.'
  return length > longestReason ? `Use at most ${longestReason} characters; these are ${length}.` : null
}
