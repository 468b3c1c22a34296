import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { array } from '../../src/db/client.ts'
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
  /** The viewer's own: liked, retweeted, answered and quoted by others. */
  tweet: number
  /** A tweet of the viewer's with a poll that is open. */
  poll: number
  /** That somebody liked the viewer's tweet. */
  notification: number
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
  const [tweet = 0, poll = 0] = await insertRecentTweets(viewer, 2)
  await engage(viewer, [friend, other], tweet, poll)
  const notification = await insertNotifications(viewer, friend, [tweet, poll])
  const strangersToken = await tokenOf(stranger)
  const own = { tweet, poll, notification }
  return { viewer, token, refreshToken, otherSession, ...own, friend, stranger, strangersToken }
}

/** Gives the viewer two of what one likes, bookmarks and is mentioned in, and a tweet two of all that others do to it. */
async function engage(viewer: Viewer, others: readonly Viewer[], tweet: number, poll: number): Promise<void> {
  const tweets = await insertRecentTweets(viewer, 2)
  for (const [n, { id }] of others.entries()) {
    await rows(sql`
      with one as (
        select ${id}::bigint as user_id, ${tweet}::bigint as tweet_id, ${tweets[n] ?? 0}::bigint as other_id
      ), liked as (
        insert into likes (user_id, tweet_id)
        select user_id, tweet_id from one union all select ${viewer.id}, other_id from one
      ), bookmarked as (
        insert into bookmarks (user_id, tweet_id) select ${viewer.id}, other_id from one
      ), retweeted as (
        insert into retweets (id, user_id, tweet_id) select other_id + 1, user_id, tweet_id from one
      )
      insert into tweets (id, nonce, user_id, content, entities, conversation_id, reply_to_id, quote_tweet_id)
      select other_id + 2, gen_random_uuid(), user_id, 'An answer',
             '{"hashtags": [], "mentions": [], "urls": []}', tweet_id, tweet_id, tweet_id
      from one`)
    await rows(sql`
      insert into tweet_mentions (tweet_id, user_id) values (${(tweets[n] ?? 0) + 2}, ${viewer.id})`)
  }
  await rows(sql`
    insert into tweet_versions (tweet_id, version, content, entities, created_at)
    select ${tweet}, n, 'Before', '{"hashtags": [], "mentions": [], "urls": []}', now() from generate_series(1, 2) n`)
  await rows(sql`insert into polls (tweet_id, ends_at) values (${poll}, now() + interval '1 day')`)
  await rows(sql`
    insert into poll_options (tweet_id, position, text) values (${poll}, 0, 'yes'), (${poll}, 1, 'no')`)
}

/** Somebody's likes of these tweets, as the viewer is notified of them: two notifications are two groups. */
async function insertNotifications(viewer: Viewer, actor: Viewer, tweets: number[]): Promise<number> {
  const [inserted] = await rows<{ id: number }>(sql`
    with told as (
      insert into notifications (user_id, type, actor_id, tweet_id)
      select ${viewer.id}, 'like', ${actor.id}, unnest(${array(tweets, 'bigint')})
      returning *
    ), grouped as (
      insert into notification_groups (user_id, type, tweet_id, latest_id, latest_at, total, actor_ids)
      select user_id, type, tweet_id, id, created_at, 1, array[actor_id] from told
    ), counted as (
      insert into notification_inboxes (user_id, unread_count) select user_id, count(*) from told group by user_id
    )
    select min(id)::float8 as id from told`)
  return inserted?.id ?? 0
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
export function examplesIn({
  viewer,
  refreshToken,
  otherSession,
  tweet,
  poll,
  notification,
  friend,
  stranger,
}: World) {
  const username = uniqueName()
  const ofUser = { id: friend.id, missing: MISSING_USERS }
  const ofTweet = { id: tweet, missing: MISSING_TWEETS }
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
    'PUT /api/users/{id}/follow': { ...ofUser, body: { notify: true, show_retweets: false } },
    'DELETE /api/users/{id}/follow': { ...ofUser, body: { following_id: friend.id } },
    'POST /api/tweets': { body: { content: 'An example' } },
    'GET /api/tweets/{id}': { id: tweet, missing: MISSING_TWEETS },
    'POST /api/tweets/{id}/reply': { ...ofTweet, body: { content: 'A reply' } },
    'PUT /api/tweets/{id}': { ...ofTweet, body: { content: 'An edit' }, forbidden: 403 },
    'GET /api/tweets/{id}/history': ofTweet,
    'POST /api/threads': { body: { tweets: [{ content: 'The first' }, { content: 'The second' }] } },
    'POST /api/tweets/{id}/like': ofTweet,
    'DELETE /api/tweets/{id}/like': ofTweet,
    'POST /api/tweets/{id}/bookmark': ofTweet,
    'DELETE /api/tweets/{id}/bookmark': ofTweet,
    'POST /api/tweets/{id}/retweet': { ...ofTweet, body: { comment: 'A comment' } },
    'DELETE /api/tweets/{id}/retweet': ofTweet,
    'POST /api/tweets/{id}/poll/votes': { ...ofTweet, id: poll, body: { choices: [0] } },
    'GET /api/tweets/{id}/likes': ofTweet,
    'GET /api/tweets/{id}/retweets': ofTweet,
    'GET /api/tweets/{id}/replies': ofTweet,
    'GET /api/tweets/{id}/quotes': ofTweet,
    'GET /api/tweets/{id}/thread': ofTweet,
    'GET /api/bookmarks': {},
    'GET /api/timeline/likes': {},
    'GET /api/timeline/mentions': {},
    'GET /api/timeline/home': {},
    'GET /api/timeline/home/marker': {},
    'PUT /api/timeline/home/marker': { body: { last_read_id: tweet } },
    'GET /api/timeline/user/{id}': ofUser,
    'GET /api/notifications': {},
    'PUT /api/notifications/{id}/read': {
      id: notification,
      missing: [Number.MAX_SAFE_INTEGER],
      forbidden: 404,
    },
    'PUT /api/notifications/read-all': { body: { up_to_id: notification } },
    'GET /api/notifications/preferences': {},
    'PUT /api/notifications/preferences': { body: { like: 'following' } },
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
      (select json_agg(l order by tweet_id) from likes l where user_id in ${ids}) as likes,
      (select json_agg(b order by tweet_id) from bookmarks b where user_id in ${ids}) as bookmarks,
      (select json_agg(r order by id) from retweets r where user_id in ${ids}) as retweets,
      (select json_agg(v order by tweet_id) from poll_votes v where user_id in ${ids}) as votes,
      (select json_agg(n order by id) from notifications n where user_id in ${ids}) as notifications,
      (select json_agg(i order by user_id) from notification_inboxes i where user_id in ${ids}) as inboxes,
      (select count(*)::int from counter_deltas where subject = 'user' and subject_id in ${ids}) as deltas`)
  return z.record(z.string(), z.unknown()).parse(state)
}
