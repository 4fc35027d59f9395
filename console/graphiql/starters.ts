// What the first tabs have in them: a document for each common task, with variables that fit who is signed in.

type Starter = { query: string; variables: string }

/** Where the starters are used: ids that the first tabs can begin with, as far as there are any. */
export type Place = { organizationId: string; apiKeyId: string }

export const NOWHERE: Place = { organizationId: 'org_…', apiKeyId: 'key_…' }
const DAYS_SHOWN = 7
const DAY_MILLISECONDS = 24 * 3600 * 1000

const documents = import.meta.glob<string>('./starters/*.graphql', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** The tabs, in the order in which people need them. What changes a key names none: that is the person's to fill in. */
export function starters(place: Place, now: Date): Starter[] {
  const { organizationId, apiKeyId } = place
  const from = new Date(now.getTime() - DAYS_SHOWN * DAY_MILLISECONDS)
  return [
    starter('ListApiKeys', { organizationId, includeDeleted: false }),
    starter('CreateApiKey', {
      organizationId,
      input: { organizationId, name: 'My first key', scope: 'ORGANIZATION' },
    }),
    starter('RotateApiKey', { input: { id: NOWHERE.apiKeyId, overlapSeconds: 3600 } }),
    starter('DeleteApiKey', { input: { id: NOWHERE.apiKeyId } }),
    starter('KeyUsage', { id: apiKeyId, from: from.toISOString(), to: now.toISOString() }),
    starter('AuditLog', { organizationId, after: null }),
    starter('DiagnoseRequest', { organizationId, requestId: 'req_…' }),
    starter('AskAssistant', { input: { organizationId, message: 'Which of my keys are not used?' } }),
  ]
}

function starter(name: string, variables: Record<string, unknown>): Starter {
  const query = documents[`./starters/${name}.graphql`]
  if (query === undefined) throw new Error(`there is no starter ${name}`)
  return { query, variables: JSON.stringify(variables, null, 2) }
}
