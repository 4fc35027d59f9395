/** Writes who did something: a person, a program by its token, or the operator. */

/** In a sentence: *Nora*, *the token deploy-bot*, *the operator*. */
export function author(person: { name: string } | null, token: string | null): string {
  return person?.name ?? (token === null ? 'the operator' : `the token ${token}`)
}

/** Who caused an event, in a sentence: *Nora*, *Token deploy-bot*, *the operator*. */
export function authorOfEvent(event: { actor: { name: string } | null; actorName: string }): string {
  return event.actor?.name ?? (event.actorName === 'Operator' ? 'the operator' : event.actorName)
}

/** At the start of a sentence. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
