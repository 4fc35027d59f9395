import { expect, test } from 'vitest'
import { hold, holdAgainst, losesOnUnload } from './holding'

const onLeave = () => undefined

test('What is held stands in the way of every page until it is let go', () => {
  const held = { onLeave }
  expect(holdAgainst('/sign-in')).toBeUndefined()

  const release = hold(held)
  expect(holdAgainst('/sign-in')).toBe(held)
  expect(losesOnUnload()).toBe(true)
  release()

  expect(holdAgainst('/sign-in')).toBeUndefined()
  expect(losesOnUnload()).toBe(false)
})

test('The newest that is in the way is asked, and those that lose nothing on that page are not', () => {
  const panel = { onLeave, allows: (path: string) => path.startsWith('/organizations/org_1/') }
  const dialog = { onLeave, losesOnUnload: () => false }

  const releases = [hold(dialog), hold(panel)]

  expect(holdAgainst('/organizations/org_2/')).toBe(panel)
  expect(holdAgainst('/organizations/org_1/api-keys')).toBe(dialog)
  expect(losesOnUnload()).toBe(true)
  for (const release of releases) release()
})
