/** Addresses of the Agents page's dialogs: `?new-agent`, `?rename-agent=agt_…`, `?delete-agent=agt_…`. */
import { useDialogs } from '../shared/dialog-links'

const agentDialogs = ['new-agent', 'rename-agent', 'delete-agent'] as const

export function useAgentDialogs() {
  return useDialogs(agentDialogs)
}
