/** The key that the person is looking at: on its usage page, or in one of its dialogs. */
import { useMatch } from 'react-router'
import { useKeyDialogs } from '../shared/dialog-links'

export function useLookedAt(): string | undefined {
  const page = useMatch('/organizations/:organizationId/api-keys/:apiKeyId/*')
  const { keyId } = useKeyDialogs()
  return keyId || page?.params.apiKeyId
}
