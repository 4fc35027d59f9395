/** Puts the console together: look, connection, pages. */
import { MantineProvider } from '@mantine/core'
import { RouterProvider } from 'react-router/dom'
import { Provider } from 'urql'
import { client } from './client'
import { router } from './routes'
import { theme } from './theme'

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Provider value={client}>
        <RouterProvider router={router} />
      </Provider>
    </MantineProvider>
  )
}
