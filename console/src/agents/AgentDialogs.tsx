/** Shows the dialog of the Agents page that the address names. */
import { Kept } from '../shared/Kept'
import { DeleteAgentDialog } from './DeleteAgentDialog'
import { useAgentDialogs } from './dialogs'
import { NewAgentDialog } from './NewAgentDialog'
import type { Agent } from './operations'
import { RenameAgentDialog } from './RenameAgentDialog'

export function AgentDialogs({ agents }: { agents: readonly Agent[] | undefined }) {
  const { dialog, about, close } = useAgentDialogs()
  if (!dialog || !agents) return null
  if (dialog === 'new-agent') return <NewAgentDialog agents={agents} onClose={close} />
  const Shown = dialog === 'rename-agent' ? RenameAgentDialog : DeleteAgentDialog
  return (
    <Kept
      key={dialog + about}
      value={agents.find(({ id }) => id === about)}
      gone="There is no such agent. Somebody else may have deleted it in the meantime."
      onClose={close}
      focusAfter={['new-agent']}
    >
      {(agent) => <Shown agent={agent} onClose={close} />}
    </Kept>
  )
}
