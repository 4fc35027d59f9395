// GraphiQL, for organization admins: a page of its own, since its editor is bigger than the whole console.

import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import './graphiql.css'
import { GraphiQL } from 'graphiql'
import { createRoot } from 'react-dom/client'
import { brand } from '../src/shared/brand'
import { fetcher, firstPlace } from './server'
import { starters } from './starters'

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no #root')

// GraphiQL keeps the tabs in the browser. It takes the first one's variables from elsewhere than the others'.
const isFirstVisit = localStorage.getItem('graphiql:tabState') === null
const tabs = starters(await firstPlace(), new Date())
createRoot(root).render(
  // Nothing that is typed as a header is kept: it could be a key.
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={tabs}
    initialVariables={isFirstVisit ? tabs[0]?.variables : undefined}
    defaultEditorToolsVisibility="variables"
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>
      <a className="to-console" href="/">
        {brand.name}
      </a>
    </GraphiQL.Logo>
  </GraphiQL>,
)
