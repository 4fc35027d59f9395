/** Shows what the server says of an input at the field that it names. */

interface Form {
  values: object
  setFieldError: (field: string, message: string) => void
  getInputNode: (field: string) => HTMLElement | null
}

/** Returns false where the form has no such field: then the sentence belongs elsewhere. */
export function showInvalid(form: Form, { field, message }: { field: string; message: string }): boolean {
  if (!Object.hasOwn(form.values, field)) return false
  form.setFieldError(field, message)
  // The button that had the focus was disabled meanwhile.
  window.setTimeout(() => form.getInputNode(field)?.focus())
  return true
}
