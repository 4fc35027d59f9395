import { screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { startServer } from '../testing/server'
import { show, withPassword } from '../testing/show'
import { SignInPage } from './SignInPage'

const atProvider = {
  kind: 'OPENID_CONNECT',
  label: 'Example ID',
  url: 'https://keys.example/sso/start',
}

function open(methods: unknown[]) {
  startServer({ supportEmail: () => null, signInMethods: () => methods })
  return show(<SignInPage />)
}

const provider = () => screen.queryByRole('link', { name: 'Continue with Example ID' })
const password = () => screen.queryByLabelText('Password')

test('Without a provider there is nothing but the form', async () => {
  open([withPassword])

  await screen.findByLabelText('Password')

  expect(provider()).toBeNull()
  expect(screen.queryByText('or')).toBeNull()
})

test('Everybody may choose between a password and the provider', async () => {
  open([withPassword, atProvider])

  await screen.findByLabelText('Password')

  expect(provider()?.getAttribute('href')).toBe('https://keys.example/sso/start')
})

test('Where few people may use a password, its form is behind a button', async () => {
  const user = open([atProvider, { ...withPassword, label: 'Password, for emergencies' }])
  await waitFor(() => expect(provider()).not.toBeNull())
  expect(password()).toBeNull()

  await user.click(screen.getByRole('button', { name: 'Password, for emergencies' }))

  expect(password()).not.toBeNull()
})

test('Where nobody may use a password, there is none', async () => {
  open([atProvider])

  await waitFor(() => expect(provider()).not.toBeNull())

  expect(password()).toBeNull()
  expect(screen.queryAllByRole('button')).toEqual([])
})
