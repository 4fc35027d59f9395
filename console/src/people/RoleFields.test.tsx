import { useForm } from '@mantine/form'
import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { show } from '../testing/show'
import { RoleFields, type Standing } from './RoleFields'

function Fields() {
  const form = useForm<Standing>({ initialValues: { role: 'AGENT_ADMIN', agentIds: [] } })
  return <RoleFields form={form} agents={[{ id: 'agt_1', name: 'Crawler' }]} />
}

test('The agents open above their field, because the buttons of the dialog are below it', async () => {
  const user = show(<Fields />)

  await user.click(screen.getByRole('combobox', { name: 'Agents' }))

  const list = await screen.findByRole('listbox', { name: 'Agents' })
  expect(list.closest('[data-position]')?.getAttribute('data-position')).toBe('top')
})
