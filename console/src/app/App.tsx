/** The console as a whole: theme, GraphQL client and pages. */
import { MantineProvider } from '@mantine/core'
import { RouterProvider } from 'react-router/dom'
import { Provider } from 'urql'
import { client } from '../shared/client'
import { theme } from '../shared/theme'
import { Toasts } from '../shared/toasts'
import { router } from './routes'

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Provider value={client}>
        <RouterProvider router={router} />
        <Toasts />
      </Provider>
    </MantineProvider>
  )
}
