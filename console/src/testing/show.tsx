/** Shows a component as the console does: signed in, in an organization, with its look and its router. */
import { MantineProvider } from '@mantine/core'
import { render } from '@testing-library/react'
import userEvent, { PointerEventsCheckLevel } from '@testing-library/user-event'
import type { ReactNode } from 'react'
import { MemoryRouter } from 'react-router'
import { Client, cacheExchange, fetchExchange, Provider } from 'urql'
import { theme } from '../shared/theme'
import { type Organization, OrganizationContext, SignedInContext, type SignInMethod } from '../shared/viewer'

export const nora = { id: 'user_nora', email: 'nora@acme.example', name: 'Nora' }

export const withPassword: SignInMethod = { kind: 'PASSWORD', label: 'Password', url: null }

export const acme: Organization = {
  id: 'org_acme',
  name: 'Acme',
  viewerRole: 'ORGANIZATION_ADMIN',
  admins: [nora],
  keyAllowance: { used: 1, limit: 10, remaining: 9 },
}

const signedIn = {
  viewer: {
    passwordChangeRequired: false,
    isVisit: false,
    returnUrl: null,
    user: nora,
    organizations: [acme],
  },
  supportEmail: 'support@keydesk.example',
  signInMethods: [withPassword],
}

/** Returns the person who uses it. */
export function show(content: ReactNode) {
  const client = new Client({
    url: 'http://keydesk.test/graphql',
    preferGetMethod: false,
    exchanges: [cacheExchange, fetchExchange],
  })
  render(
    <MantineProvider theme={theme} env="test">
      <Provider value={client}>
        <MemoryRouter>
          <SignedInContext value={signedIn}>
            <OrganizationContext value={acme}>{content}</OrganizationContext>
          </SignedInContext>
        </MemoryRouter>
      </Provider>
    </MantineProvider>,
  )
  return userEvent.setup({ delay: null, pointerEventsCheck: PointerEventsCheckLevel.Never })
}
