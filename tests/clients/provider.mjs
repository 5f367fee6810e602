// A sign-in provider as others run it: the published `oidc-provider`, on a free port of this machine. Whoever comes says in
// a form who they are and what is known of them; a `lie` makes the provider sign something that is not so.
//
// node provider.mjs '{"redirect_uri": …, "claims_in": "id_token" | "userinfo"}' prints {"issuer": …} when it listens, and
// ends with its standard input.
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { Provider } from 'oidc-provider'

const { redirect_uri: redirectUri, claims_in: claimsIn = 'id_token' } = JSON.parse(process.argv[2])
const CLIENT = { client_id: 'passant', client_secret: 'a secret that is shared & kept' }
const SECOND_MS = 1000

const ours = await generateKeyPair('RS256', { extractable: true })
const another = await generateKeyPair('RS256')
const key = { ...(await exportJWK(ours.privateKey)), kid: 'first', use: 'sig', alg: 'RS256' }
/** What is known of who has said who they are, by the name that never changes. */
const people = new Map()

/** Signs what is said of somebody. */
const signed = (claims, by = ours.privateKey, alg = 'RS256') =>
  new SignJWT(claims).setProtectedHeader({ alg, kid: key.kid }).sign(by)

const LIES = {
  nonce: (claims) => signed({ ...claims, nonce: 'of another attempt' }),
  issuer: (claims) => signed({ ...claims, iss: 'https://elsewhere.example' }),
  audience: (claims) => signed({ ...claims, aud: 'another-client' }),
  expired: (claims) => signed({ ...claims, exp: Math.floor(Date.now() / SECOND_MS) - 600 }),
  key: (claims) => signed(claims, another.privateKey),
  shared_secret: (claims) => signed(claims, new TextEncoder().encode(CLIENT.client_secret), 'HS256'),
  none: (claims) => new UnsecuredJWT(claims).encode()
}

const server = createServer()
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [{ ...CLIENT, redirect_uris: [redirectUri] }],
  claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: claimsIn === 'userinfo',
  cookies: { keys: ['of this run alone'] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...people.get(accountId) }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [key] },
  pkce: { required: () => true },
  ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 }
})
provider.on('server_error', (_, error) => console.error(error))
provider.use(async (ctx, next) => {
  await next()
  const token = ctx.path === '/token' && ctx.body?.id_token
  if (!token) return
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
  const lie = LIES[people.get(claims.sub)?.lie]
  if (lie) ctx.body.id_token = await lie(claims)
})

server.on('request', async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return provider.callback()(request, response)
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html')
    return response.end(`<!doctype html><title>Example ID</title><form method="post">
      <label>Name <input name="sub"></label><label>Known of you <input name="claims" value="{}"></label>
      <button>Go on</button></form>`)
  }
  let body = ''
  for await (const chunk of request) body += chunk
  const said = new URLSearchParams(body)
  if (said.has('denied')) {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: '<b>no</b>' })
  }
  const accountId = said.get('sub')
  people.set(accountId, JSON.parse(said.get('claims')))
  const { params } = await provider.interactionDetails(request, response)
  const grant = new provider.Grant({ accountId, clientId: params.client_id })
  grant.addOIDCScope(params.scope)
  const consent = { grantId: await grant.save() }
  await provider.interactionFinished(request, response, { login: { accountId, remember: false }, consent })
})

process.stdin.resume().once('end', () => process.exit())
console.log(JSON.stringify({ issuer }))
