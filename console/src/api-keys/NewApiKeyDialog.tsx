/** Creates a key: a form, then its secret. Where every slot is taken, it offers keys to delete. */
import { Skeleton, Stack } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Dialog } from '../shared/Dialog'
import { Trouble } from '../shared/Trouble'
import { useOrganization } from '../shared/viewer'
import { DeleteApiKeyForm } from './DeleteApiKeyForm'
import { ForMembers } from './ForMembers'
import { leastUsed } from './least-used'
import { type LimitReached, NewApiKeyForm } from './NewApiKeyForm'
import { type ApiKey, isLiving, type KeyRequest } from './operations'
import { SecretPanel } from './SecretPanel'
import { useApiKeys } from './use-api-keys'
import { WithoutAgents } from './WithoutAgents'

interface Issued {
  name: string
  secret: string
}

interface Props {
  onClose: () => void
  /** What the form is filled in with. */
  request?: KeyRequest
  /** Looks, before the key is created, whether it should be: returns the sentence that says why not, else null. */
  check?: () => Promise<string | null>
  onIssued?: () => void
  /** Shown above the secret. */
  aboutSecret?: ReactNode
}

export function NewApiKeyDialog({ onClose, request, check, onIssued, aboutSecret }: Props) {
  const { viewerRole } = useOrganization()
  const { organization, error, refetch } = useApiKeys()
  const [issued, setIssued] = useState<Issued>()
  const [refusal, setRefusal] = useState<LimitReached>()
  const [toDelete, setToDelete] = useState<ApiKey>()
  const [deleted, setDeleted] = useState<string>()

  const limitReached = refusal ?? (organization ? alreadyFull(organization) : undefined)
  const title = issued
    ? `“${issued.name}” was created`
    : toDelete
      ? `Delete “${toDelete.name}”?`
      : 'New API Key'
  return (
    <Dialog title={title} onClose={onClose} focusAfter={['new-api-key']}>
      {issued ? (
        <Stack>
          {aboutSecret}
          <SecretPanel secret={issued.secret} onDone={onClose} />
        </Stack>
      ) : viewerRole === 'MEMBER' ? (
        <ForMembers />
      ) : !organization ? (
        error ? (
          <Trouble error={error} what="The form could not be opened." onRetry={refetch} />
        ) : (
          <Stack aria-label="Loading">
            <Skeleton h={60} />
            <Skeleton h={120} />
          </Stack>
        )
      ) : viewerRole === 'AGENT_ADMIN' && !organization.agents.some(isLiving) ? (
        <WithoutAgents />
      ) : (
        <>
          {toDelete && (
            <DeleteApiKeyForm
              apiKey={toDelete}
              onDeleted={() => {
                setDeleted(toDelete.name)
                setToDelete(undefined)
                setRefusal(undefined)
              }}
              onCancel={() => setToDelete(undefined)}
            />
          )}
          {/* The form stays mounted, so that nothing that was typed is lost. */}
          <div hidden={toDelete !== undefined}>
            <NewApiKeyForm
              request={request}
              check={check}
              keys={organization.apiKeys}
              agents={organization.agents}
              freed={limitReached ? undefined : deleted}
              limitReached={limitReached}
              onLimitReached={setRefusal}
              onDelete={setToDelete}
              onIssued={(now) => {
                setIssued(now)
                onIssued?.()
              }}
              onCancel={onClose}
            />
          </div>
        </>
      )}
    </Dialog>
  )
}

function alreadyFull(organization: {
  keyAllowance: { limit: number; remaining: number }
  apiKeys: ApiKey[]
}) {
  const { limit, remaining } = organization.keyAllowance
  if (remaining > 0) return undefined
  return {
    message: `All ${limit} API keys of this organization are in use. Delete one that is no longer needed, then create the new one.`,
    candidates: leastUsed(organization.apiKeys),
  }
}
