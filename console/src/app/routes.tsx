/** Which address shows which screen. */
import { createBrowserRouter } from 'react-router'
import { NotFound } from '../shared/NotFound'
import { Home } from './Home'
import { LeaveGuard } from './LeaveGuard'
import { OrganizationPages } from './OrganizationPages'
import { PageError } from './PageError'
import { PlainPage } from './PlainPage'
import { SignedInPages, Waiting } from './SignedInPages'

export const router = createBrowserRouter([
  {
    element: <LeaveGuard />,
    errorElement: <PageError />,
    hydrateFallbackElement: <Waiting />,
    children: [
      {
        path: 'sign-in',
        lazy: async () => ({ Component: (await import('../sign-in/SignInPage')).SignInPage }),
      },
      {
        path: 'invitation',
        lazy: async () => ({ Component: (await import('../sign-in/InvitationPage')).InvitationPage }),
      },
      {
        path: 'reset-password',
        lazy: async () => ({ Component: (await import('../sign-in/ResetPasswordPage')).ResetPasswordPage }),
      },
      {
        path: 'enter',
        lazy: async () => ({ Component: (await import('../sign-in/EnterPage')).EnterPage }),
      },
      {
        element: <SignedInPages />,
        children: [
          { index: true, element: <Home /> },
          {
            path: 'organizations/:organizationId',
            element: <OrganizationPages />,
            children: [
              {
                errorElement: <PageError />,
                children: [
                  { index: true, element: <Home /> },
                  {
                    path: 'api-keys',
                    lazy: async () => ({ Component: (await import('../api-keys/ApiKeysPage')).ApiKeysPage }),
                  },
                  {
                    path: 'api-keys/:apiKeyId/usage',
                    lazy: async () => ({ Component: (await import('../usage/UsagePage')).UsagePage }),
                  },
                  {
                    path: 'agents',
                    lazy: async () => ({ Component: (await import('../agents/AgentsPage')).AgentsPage }),
                  },
                  {
                    path: 'people',
                    lazy: async () => ({ Component: (await import('../people/PeoplePage')).PeoplePage }),
                  },
                  {
                    path: 'tokens',
                    lazy: async () => ({ Component: (await import('../tokens/TokensPage')).TokensPage }),
                  },
                  {
                    path: 'audit-log',
                    lazy: async () => ({
                      Component: (await import('../audit-log/AuditLogPage')).AuditLogPage,
                    }),
                  },
                  { path: '*', element: <NotFound /> },
                ],
              },
            ],
          },
          {
            path: '*',
            element: (
              <PlainPage>
                <NotFound />
              </PlainPage>
            ),
          },
        ],
      },
    ],
  },
])
