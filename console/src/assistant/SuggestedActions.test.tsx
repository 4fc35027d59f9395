import { screen } from '@testing-library/react'
import { useLocation } from 'react-router'
import { expect, test } from 'vitest'
import { show } from '../testing/show'
import type { Action } from './operations'
import { SuggestedActions } from './SuggestedActions'

function Where() {
  const { pathname, search } = useLocation()
  return <output>{pathname + search}</output>
}

function showAction(kind: Action['kind']) {
  const left: string[] = []
  const action: Action = { kind, label: 'Do it', apiKey: null }
  const user = show(
    <>
      <SuggestedActions
        actions={[action]}
        onContactSupport={() => left.push('support')}
        onLeave={() => left.push('page')}
      />
      <Where />
    </>,
  )
  return { left, press: () => user.click(screen.getByRole('button', { name: 'Do it' })) }
}

test.each([
  ['INVITE_MEMBER', '/organizations/org_acme/people?invite'],
  ['OPEN_PEOPLE', '/organizations/org_acme/people'],
  ['OPEN_AGENTS', '/organizations/org_acme/agents'],
  ['REQUEST_API_KEY', '/?ask='],
  ['OPEN_USAGE', '/organizations/org_acme/api-keys'],
] as const)('%s opens %s', async (kind, where) => {
  const { left, press } = showAction(kind)

  await press()

  expect(screen.getByRole('status').textContent).toBe(where)
  expect(left).toEqual(['page'])
})

test('CONTACT_SUPPORT stays on the page', async () => {
  const { left, press } = showAction('CONTACT_SUPPORT')

  await press()

  expect(screen.getByRole('status').textContent).toBe('/')
  expect(left).toEqual(['support'])
})
