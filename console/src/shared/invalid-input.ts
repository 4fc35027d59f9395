/** Shows what is wrong with an input at its field, and moves the focus there. */
import type { UseFormReturnType } from '@mantine/form'
import type { FormEvent } from 'react'

/** A form's submit handler: calls `send` with valid values, else moves the focus to the first field that is not. */
export function whenValid<Values extends object>(
  form: UseFormReturnType<Values>,
  send: (values: Values) => void,
): (event: FormEvent<HTMLFormElement>) => void {
  return form.onSubmit(send, (errors) => {
    const first = Object.keys(form.values).find((field) => errors[field])
    if (first) focus(form, first)
  })
}

/** Shows what the server says of a field. Returns the sentence where the form has no such field, to show it elsewhere. */
export function showInvalid<Values extends object>(
  form: UseFormReturnType<Values>,
  { field, message }: { field: string; message: string },
): string | undefined {
  if (!Object.hasOwn(form.values, field)) return message
  form.setFieldError(field, message)
  // The button that had the focus was disabled meanwhile.
  window.setTimeout(() => focus(form, field))
  return undefined
}

/** In a group of radio buttons, the first of them. */
function focus<Values extends object>(form: UseFormReturnType<Values>, field: string) {
  const node = form.getInputNode(field)
  const input = node?.matches('input, textarea') ? node : node?.querySelector<HTMLElement>('input')
  input?.focus()
}
