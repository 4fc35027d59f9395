/** Says that the browser is offline. */
import { Alert } from '@mantine/core'
import { useNetwork } from '@mantine/hooks'
import { IconWifiOff } from '@tabler/icons-react'

export function OfflineBanner() {
  const { online } = useNetwork()
  if (online) return null
  return (
    <Alert color="yellow" icon={<IconWifiOff />} mb="md" role="status">
      You are offline. What is shown may be old, and nothing can be changed until you are online again.
    </Alert>
  )
}
