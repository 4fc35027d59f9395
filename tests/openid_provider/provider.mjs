// An identity provider for one browser test: npm's oidc-provider, certified for OpenID Connect, with a form of its own.
// Prints its issuer in a line, then waits for a line of JSON: {address, clientId, clientSecret, people}.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import Provider from 'oidc-provider'

const server = createServer((request, response) => answer(request, response))
let answer = (_, response) => response.writeHead(503).end()

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  console.log(issuer)
  createInterface({ input: process.stdin }).once('line', (line) => start(issuer, JSON.parse(line)))
})

function start(issuer, { address, clientId, clientSecret, people }) {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [`${address}/sso/callback`],
        backchannel_logout_uri: `${address}/sso/backchannel-logout`,
        backchannel_logout_session_required: true,
      },
    ],
    cookies: { keys: ['a key of this test'] },
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      // Its own pages load fonts from another host.
      rpInitiatedLogout: {
        logoutSource: (context, form) => {
          const button = '<button form="op.logoutForm" name="logout" value="yes">Sign out there</button>'
          context.body = page('Sign out at the provider', form + button)
        },
        postLogoutSuccessSource: (context) => {
          context.body = page('Signed out there', '')
        },
      },
    },
    // Keydesk is on this machine, which the provider's own protection of its network would not reach.
    fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    // Nobody is asked for consent: the client belongs to the same organization.
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope('openid email profile')
      await grant.save()
      return grant
    },
  })
  provider.on('server_error', (_, error) => console.error(error))
  provider.on('backchannel.error', (_, error) => console.error(error))
  const usual = provider.callback()
  answer = (request, response) => {
    if (!request.url.startsWith('/interaction/')) return usual(request, response)
    if (request.method === 'GET') return response.setHeader('Content-Type', 'text/html').end(FORM)
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      const accountId = new URLSearchParams(body).get('who')
      provider.interactionFinished(request, response, { login: { accountId } })
    })
  }
}

const page = (title, content) => `<!doctype html><html lang="en"><title>${title}</title><link rel="icon" href="data:,">
<h1>${title}</h1>${content}</html>`
const FORM = page(
  'Sign in at the provider',
  '<form method="post"><label>Who <input name="who"></label><button>Sign in there</button></form>',
)
