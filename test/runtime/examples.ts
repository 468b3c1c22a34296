import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { insertSession } from '../../src/db/statements/sessions.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { issueTokens, startSession, type TokenPair } from '../../src/services/issue-tokens.ts'
import { type ApiOptions, api, PASSWORD, rows, testDeps, uniqueName } from './harness.ts'
import type { Operation } from './operations.ts'
import { insertFollowers, insertPeople, insertRecentTweets, tokenOf } from './people.ts'

/** A viewer with at least two of everything that can be listed: every list has a second page. */
export interface World {
  viewer: Viewer
  token: string
  refreshToken: string
  /** The viewer's session that is not the current one. */
  otherSession: string
  /** The viewer's own. */
  tweet: number
  /** One whom the viewer follows, and who follows the viewer. */
  friend: Viewer
  /** One with whom the viewer has nothing to do. */
  stranger: Viewer
  strangersToken: string
}

export async function createWorld(): Promise<World> {
  const [owner, friend, other, stranger] = await insertPeople(4)
  if (owner === undefined || friend === undefined || other === undefined || stranger === undefined) {
    throw new Error('Nobody was inserted')
  }
  const passwordHash = await hashOfPassword()
  await rows(sql`update users set password_hash = ${passwordHash} where id = ${owner.id}`)
  const { sessionId: otherSession } = (await signIn(owner, passwordHash)).viewer
  const { viewer, accessToken: token, refreshToken } = await signIn(owner, passwordHash)

  await insertFollowers([friend, other], viewer)
  for (const followee of [friend, other]) await insertFollowers([viewer], followee)
  await insertRecentTweets(friend, 2)
  const [tweet = 0] = await insertRecentTweets(viewer, 2)
  const strangersToken = await tokenOf(stranger)
  return { viewer, token, refreshToken, otherSession, tweet, friend, stranger, strangersToken }
}

let passwordHash: Promise<string> | undefined

/** Made once: a hash costs more than all the rest of a world. */
function hashOfPassword(): Promise<string> {
  passwordHash ??= testDeps().passwords.hash(PASSWORD)
  return passwordHash
}

/** What a login does after the password was found right. */
async function signIn(person: Viewer, hash: string): Promise<TokenPair & { viewer: Viewer }> {
  const deps = testDeps()
  const { session, tokenId } = await startSession(deps, 'A test')
  const expiresAtMs = await insertSession(deps.db, person.id, hash, session)
  const viewer = { ...person, sessionId: session.id }
  return { viewer, ...(await issueTokens(deps, viewer, tokenId, expiresAtMs ?? 0)) }
}

/** A request that a route answers with success. */
export interface Example {
  /** The `{id}` of the path. */
  id?: number | string
  /** Ids of the same kind that nothing has. */
  missing?: (number | string)[]
  body?: Record<string, unknown>
  /** What anybody else who asks the same is answered; absent where they may. */
  forbidden?: 403 | 404
  headers?: Record<string, string>
  /** How the route takes an access token; in `Authorization` unless said otherwise. */
  present?: (token: string) => ApiOptions
}

const MISSING_USERS = [Number.MAX_SAFE_INTEGER, 1, '@nobody_has_this_name']
const MISSING_TWEETS = [Number.MAX_SAFE_INTEGER, 1]

/** One for each route: a new route needs one here before it can be attacked. The order is one in which all succeed. */
export function examplesIn({ viewer, refreshToken, otherSession, tweet, friend, stranger }: World) {
  const username = uniqueName()
  const ofUser = { id: friend.id, missing: MISSING_USERS }
  const examples: Record<string, Example> = {
    'GET /api/health': {},
    'GET /api/ready': {},
    'POST /api/auth/register': {
      body: { username, email: `${username}@example.com`, password: PASSWORD, display_name: 'New' },
    },
    'POST /api/auth/login': { body: { username: viewer.username, password: PASSWORD } },
    'POST /api/auth/refresh-token': { body: { refreshToken } },
    'GET /api/auth/sessions': {},
    'GET /api/users/{id}': ofUser,
    'PUT /api/users/{id}': { id: viewer.id, body: { bio: 'Changed' }, forbidden: 403 },
    'GET /api/users/{id}/followers': { id: viewer.id, missing: MISSING_USERS },
    'GET /api/users/{id}/following': { id: viewer.id, missing: MISSING_USERS },
    'GET /api/users/{id}/tweets': ofUser,
    'POST /api/users/{id}/follow': { ...ofUser, id: stranger.id, body: { following_id: stranger.id } },
    'DELETE /api/users/{id}/follow': { ...ofUser, body: { following_id: friend.id } },
    'POST /api/tweets': { body: { content: 'An example' } },
    'GET /api/tweets/{id}': { id: tweet, missing: MISSING_TWEETS },
    'GET /api/timeline/home': {},
    'GET /api/timeline/user/{id}': ofUser,
    'GET /api/stream': {
      present: (token) => ({ headers: { 'sec-websocket-protocol': `warbler.v1, bearer.${token}` } }),
      headers: { upgrade: 'websocket' },
    },
    'DELETE /api/tweets/{id}': { id: tweet, missing: MISSING_TWEETS, forbidden: 403 },
    'DELETE /api/auth/sessions/{id}': { id: otherSession, missing: [crypto.randomUUID()], forbidden: 404 },
    'POST /api/auth/password': {
      body: { current_password: PASSWORD, new_password: `${PASSWORD} again` },
    },
    'POST /api/auth/logout': { body: { everywhere: true } },
  }
  return examples
}

/** What is changed in an example. */
export interface Change {
  id?: number | string
  /** `name=value&...`. */
  query?: string
  body?: unknown
  headers?: Record<string, string>
  /** None when null. */
  token?: string | null
}

/** Asks as the example does, but for the change. */
export function ask({ method, path }: Operation, example: Example, token: string, change: Change = {}) {
  const id = String(change.id ?? example.id ?? '')
  const query = change.query === undefined ? '' : `?${change.query}`
  const shown = change.token === undefined ? token : change.token
  const presented: ApiOptions = shown === null ? {} : (example.present ?? inAuthorization)(shown)
  const body = 'body' in change ? change.body : example.body
  return api(method, `${path.replace('{id}', id)}${query}`, {
    ...presented,
    headers: { ...example.headers, ...presented.headers, ...change.headers },
    ...(body === undefined ? {} : { body }),
  })
}

const inAuthorization = (token: string): ApiOptions => ({ token })

/** All that refused requests could have written of the world's people. */
export async function stateOf({ viewer, friend, stranger }: World): Promise<unknown> {
  const ids = sql`(${viewer.id}, ${friend.id}, ${stranger.id})`
  const [state] = await rows(sql`
    select
      (select json_agg(u order by id) from users u where id in ${ids}) as users,
      (select json_agg(s order by id) from sessions s where user_id in ${ids}) as sessions,
      (select json_agg(t order by id) from tweets t where user_id in ${ids}) as tweets,
      (select json_agg(f order by follower_id, following_id) from follows f
       where follower_id in ${ids} or following_id in ${ids}) as follows,
      (select count(*)::int from follow_requests where requester_id in ${ids}) as follow_requests,
      (select count(*)::int from counter_deltas where subject = 'user' and subject_id in ${ids}) as deltas`)
  return z.record(z.string(), z.unknown()).parse(state)
}
