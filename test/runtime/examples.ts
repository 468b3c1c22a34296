import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { array } from '../../src/db/client.ts'
import { insertMessage } from '../../src/db/statements/send-message.ts'
import { insertSession } from '../../src/db/statements/sessions.ts'
import type { ListId } from '../../src/domain/ids.ts'
import { createList } from '../../src/services/change-lists.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { issueTokens, startSession, type TokenPair } from '../../src/services/issue-tokens.ts'
import { addListMember } from '../../src/services/list-members.ts'
import { subscribeToPush } from '../../src/services/subscribe-to-push.ts'
import { insertArchive } from './archives.ts'
import { type ApiOptions, api, PASSWORD, rows, testDeps, uniqueName } from './harness.ts'
import type { Operation } from './operations.ts'
import { insertFollowers, insertPeople, insertRecentTweets, tokenOf } from './people.ts'
import { indexWorld } from './searching.ts'

/** A viewer, a moderator, with at least two of everything that can be listed: every list has a second page. */
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
  /** A browser of the viewer's that is subscribed, by its id. */
  pushSubscription: number
  /** A notification of the viewer's, the newer of two. */
  notification: number
  /** A phrase that the viewer mutes. */
  mutedWord: number
  /** One whom the viewer follows, and who follows the viewer. */
  friend: Viewer
  /** One with whom the viewer has nothing to do. */
  stranger: Viewer
  strangersToken: string
  /** One who has written to the viewer, who has not accepted it. */
  asking: Viewer
  /** One whom the viewer blocks, one whom the viewer has muted, and two who ask to follow the viewer. */
  blocked: Viewer
  muted: Viewer
  requesting: [Viewer, Viewer]
  /** The viewer's own message to the friend. */
  message: number
  /** A public list of the viewer's, with two members who tweet. */
  list: number
  /** By which the viewer's archive is downloaded. */
  archiveToken: string
  /** A hashtag of two tweets. */
  tag: string
  /** What two tweets of the viewer's, two others and two hashtags are found by. */
  word: string
}

export async function createWorld(): Promise<World> {
  const [owner, friend, other, stranger, asking, asking2] = await insertPeople(6)
  if (!owner || !friend || !other || !stranger || !asking || !asking2) throw new Error('Nobody was inserted')
  const passwordHash = await hashOfPassword()
  await rows(sql`
    update users set password_hash = ${passwordHash}, role = 'moderator' where id = ${owner.id}`)
  const moderator: Viewer = { ...owner, role: 'moderator' }
  const { sessionId: otherSession } = (await signIn(moderator, passwordHash)).viewer
  const { viewer, accessToken: token, refreshToken } = await signIn(moderator, passwordHash)

  await insertFollowers([friend, other], viewer)
  for (const followee of [friend, other]) await insertFollowers([viewer], followee)
  await insertRecentTweets(friend, 2)
  const [tweet = 0, poll = 0] = await insertRecentTweets(viewer, 2)
  await engage(viewer, [friend, other], tweet, poll)
  const [muted] = await rows<{ id: number }>(sql`
    insert into muted_words (user_id, phrase, folded) values (${viewer.id}, 'Before', 'before') returning id::float8 as id`)
  const mutedWord = muted?.id ?? 0
  const notification = await notifyOf(viewer, friend)
  const pushSubscription = await subscribe(viewer)
  const message = await correspond(viewer, friend, [other, asking, asking2])
  const list = await makeLists(viewer, [friend, other])
  const archiveToken = await insertArchive(viewer)
  const tag = await useHashtag(friend)
  await rankTwo()
  const word = await indexWorld(viewer, [tweet, poll], [friend, other])
  const strangersToken = await tokenOf(stranger)
  const people = { viewer, friend, stranger, strangersToken, asking, ...(await avoid(viewer)) }
  return {
    ...people,
    token,
    refreshToken,
    otherSession,
    tweet,
    poll,
    message,
    pushSubscription,
    mutedWord,
    notification,
    list,
    archiveToken,
    tag,
    word,
  }
}

/** Tells the viewer of two things that the friend did; answers the newer notification. */
async function notifyOf(viewer: Viewer, friend: Viewer): Promise<number> {
  const [told] = await rows<{ id: number }>(sql`
    with told as (
      insert into notifications (user_id, actor_id, type)
      select ${viewer.id}, ${friend.id}, type from unnest(array['follow', 'follow_request']) type
      returning id
    ), counted as (
      insert into notification_inboxes (user_id, unread_count) values (${viewer.id}, 2)
    )
    select max(id)::float8 as id from told`)
  return told?.id ?? 0
}

/** Gives the viewer two of whom one blocks, has muted, and is asked by. */
async function avoid(viewer: Viewer): Promise<Pick<World, 'blocked' | 'muted' | 'requesting'>> {
  const [blocked, muted, requesting, blocked2, muted2, requesting2] = await insertPeople(6)
  if (!blocked || !muted || !requesting || !blocked2 || !muted2 || !requesting2) {
    throw new Error('Nobody was inserted')
  }
  await rows(sql`
    with blocked as (
      insert into blocks (blocker_id, blocked_id) values (${viewer.id}, ${blocked.id}), (${viewer.id}, ${blocked2.id})
    ), muted as (
      insert into mutes (muter_id, muted_id) values (${viewer.id}, ${muted.id}), (${viewer.id}, ${muted2.id})
    )
    insert into follow_requests (requester_id, target_id)
    values (${requesting.id}, ${viewer.id}), (${requesting2.id}, ${viewer.id})`)
  return { blocked, muted, requesting: [requesting, requesting2] }
}

/** Gives the viewer messages of others, two with the friend; answers the one that is the viewer's own. */
async function correspond(viewer: Viewer, friend: Viewer, others: Viewer[]): Promise<number> {
  const db = testDeps().db
  const quota = { name: 'messages', limit: 1_000, windowSeconds: 86_400 } as const
  const send = async (from: Viewer, to: Viewer) => {
    const message = { senderId: from.id, receiver: to, content: 'A message', idempotency: null }
    const sent = await insertMessage(db, message, quota)
    if (sent.outcome !== 'sent') throw new Error(`Not sent: ${sent.outcome}`)
    return sent.message.id
  }
  for (const one of [friend, ...others]) await send(one, viewer)
  return send(viewer, friend)
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

async function subscribe(viewer: Viewer): Promise<number> {
  const { endpoint, keys } = browser()
  return (await subscribeToPush(testDeps(), viewer, { endpoint, ...keys })).subscription.id
}

/** Gives the viewer two lists; answers the one that has these members. */
async function makeLists(viewer: Viewer, members: readonly Viewer[]): Promise<number> {
  const deps = testDeps()
  await createList(deps, viewer, { name: 'Empty', isPrivate: true })
  const { id } = await createList(deps, viewer, { name: 'Friends', isPrivate: false })
  for (const member of members) await addListMember(deps, viewer, id as ListId, member)
  return id
}

/** Two tweets with a hashtag that nobody else uses. */
async function useHashtag(author: Viewer): Promise<string> {
  const tag = uniqueName('tag')
  const ids = await insertRecentTweets(author, 2)
  await rows(sql`
    with named as (insert into hashtags (tag) values (${tag}) returning id)
    insert into tweet_hashtags (tweet_id, hashtag_id)
    select tweet_id, named.id from named, unnest(${array(ids, 'bigint')}) as used(tweet_id)`)
  return tag
}

/** Two of everything that trends, as cron ranks it; where there are some already, they stay. */
export async function rankTwo(): Promise<void> {
  const two = ['heron', 'weir'].map((name) => ({ name, score: 1, tweet_count: 1 }))
  const trends = { at: Date.now(), hashtags: two, topics: two, tweets: [], tweet_floor: 0 }
  await rows(sql`
    insert into cron_state (name, value) values ('trends', ${JSON.stringify(trends)}::jsonb) on conflict do nothing`)
}

/** What a browser gives that nobody pushes to; the keys are those of RFC 8291's example. */
function browser() {
  return {
    endpoint: `https://push.example.com/${crypto.randomUUID()}`,
    keys: {
      p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
      auth: 'BTBZMqHH6r4Tts7J_aSIgg',
    },
  }
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
  const started = await insertSession(deps.db, person.id, hash, session)
  const viewer = { ...person, sessionId: session.id }
  return { viewer, ...(await issueTokens(deps, viewer, tokenId, started?.expires_at_ms ?? 0)) }
}

/** A request that a route answers with success. */
export interface Example {
  /** The `{id}` of the path. */
  id?: number | string
  /** The `{userId}` of the path. */
  userId?: number | string
  /** The `{tag}` of the path. */
  tag?: string
  /** Ids of the same kind as `{id}` that nothing has. */
  missing?: (number | string)[]
  /** The same for `{userId}`. */
  missingUsers?: (number | string)[]
  body?: Record<string, unknown>
  /** What anybody else who asks the same is answered; absent where they may. */
  forbidden?: 403 | 404
  /** What the route cannot do without, as `name=value&...`. */
  query?: string
  /** It does without the database. */
  needsNoDatabase?: boolean
  headers?: Record<string, string>
  /** How the route takes an access token; in `Authorization` unless said otherwise. */
  present?: (token: string) => ApiOptions
}

const MISSING_USERS = [Number.MAX_SAFE_INTEGER, 1, '@nobody_has_this_name']
const MISSING_TWEETS = [Number.MAX_SAFE_INTEGER, 1]

/** One for each route: a new route needs one here before it can be attacked. The order is one in which all succeed. */
export function examplesIn(world: World) {
  const {
    viewer,
    refreshToken,
    otherSession,
    tweet,
    poll,
    friend,
    stranger,
    message,
    pushSubscription,
    mutedWord,
    notification,
  } = world
  const username = uniqueName()
  const ofUser = { id: friend.id, missing: MISSING_USERS }
  const ofTweet = { id: tweet, missing: MISSING_TWEETS }
  const withFriend = { userId: friend.id, missingUsers: MISSING_USERS }
  const ofList = { id: world.list, missing: [Number.MAX_SAFE_INTEGER, 1e15] }
  const ofRequest = { userId: world.asking.id, missingUsers: MISSING_USERS }
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
    'PUT /api/users/{id}/follow': { ...ofUser, body: { show_retweets: false } },
    'DELETE /api/users/{id}/follow': { ...ofUser, body: { following_id: friend.id } },
    'GET /api/blocks': {},
    'GET /api/mutes': {},
    'GET /api/follow-requests': {},
    'POST /api/follow-requests/{userId}/accept': {
      userId: world.requesting[0].id,
      missingUsers: MISSING_USERS,
      forbidden: 404,
    },
    'POST /api/follow-requests/{userId}/reject': {
      userId: world.requesting[1].id,
      missingUsers: MISSING_USERS,
    },
    'POST /api/users/{id}/mute': {
      ...ofUser,
      id: world.muted.id,
      body: { expires_at: '2100-01-01T00:00:00Z' },
    },
    'DELETE /api/users/{id}/mute': { ...ofUser, id: world.muted.id },
    'POST /api/users/{id}/block': { ...ofUser, id: world.blocked.id },
    'DELETE /api/users/{id}/block': { ...ofUser, id: world.blocked.id },
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
    'POST /api/tweets/{id}/mute-conversation': ofTweet,
    'DELETE /api/tweets/{id}/mute-conversation': ofTweet,
    'POST /api/tweets/{id}/retweet': { ...ofTweet, body: { comment: 'A comment' } },
    'DELETE /api/tweets/{id}/retweet': ofTweet,
    'POST /api/tweets/{id}/poll/votes': { ...ofTweet, id: poll, body: { choices: [0] } },
    'GET /api/tweets/{id}/likes': ofTweet,
    'GET /api/tweets/{id}/retweets': ofTweet,
    'GET /api/tweets/{id}/replies': ofTweet,
    'GET /api/tweets/{id}/quotes': ofTweet,
    'GET /api/tweets/{id}/thread': ofTweet,
    'GET /api/bookmarks': {},
    'GET /api/notifications': {},
    'PUT /api/notifications/{id}/read': {
      id: notification,
      missing: [Number.MAX_SAFE_INTEGER],
      forbidden: 404,
    },
    'PUT /api/notifications/read-all': { body: { up_to_id: notification } },
    'GET /api/notifications/preferences': {},
    'PUT /api/notifications/preferences': { body: { like: 'following' } },
    'GET /api/muted-words': {},
    'POST /api/muted-words': { body: { phrase: 'Spoiler', expires_at: '2099-01-01T00:00:00Z' } },
    'DELETE /api/muted-words/{id}': { id: mutedWord, missing: [Number.MAX_SAFE_INTEGER], forbidden: 404 },
    'GET /api/timeline/likes': {},
    'GET /api/timeline/mentions': {},
    'GET /api/timeline/home': {},
    'GET /api/timeline/home/marker': {},
    'PUT /api/timeline/home/marker': { body: { last_read_id: tweet } },
    'GET /api/timeline/user/{id}': ofUser,
    'GET /api/messages': {},
    'GET /api/messages/requests': {},
    'POST /api/messages/requests/{userId}/accept': { ...ofRequest, forbidden: 404 },
    'DELETE /api/messages/requests/{userId}': ofRequest,
    'GET /api/messages/settings': {},
    'PUT /api/messages/settings': { body: { allow_from: 'following' } },
    'GET /api/messages/{userId}': withFriend,
    'POST /api/messages/{userId}': { ...withFriend, body: { content: 'An example', media_url: null } },
    'PUT /api/messages/{userId}/read': { ...withFriend, body: { up_to_id: message } },
    'DELETE /api/messages/{userId}/{id}': {
      ...withFriend,
      id: message,
      missing: [Number.MAX_SAFE_INTEGER, 1e15],
      forbidden: 404,
    },
    'GET /api/stream': {
      present: (token) => ({ headers: { 'sec-websocket-protocol': `warbler.v1, bearer.${token}` } }),
      headers: { upgrade: 'websocket' },
    },
    'GET /api/push/subscriptions': {},
    'POST /api/push/subscriptions': { body: browser() },
    'DELETE /api/push/subscriptions/{id}': {
      id: pushSubscription,
      missing: [Number.MAX_SAFE_INTEGER],
      forbidden: 404,
    },
    'POST /api/export': {},
    'GET /api/export': {},
    'GET /api/export/archive': { query: `token=${world.archiveToken}` },
    'GET /api/recommendations/users': {},
    'DELETE /api/recommendations/users/{id}': { ...ofUser, id: stranger.id },
    'GET /api/trending/topics': {},
    'GET /api/trending/hashtags': {},
    'GET /api/explore': {},
    'GET /api/hashtags/{tag}/tweets': { tag: world.tag },
    'GET /api/search/tweets': { query: `q=${world.word}` },
    'GET /api/search/users': { query: `q=${world.word}` },
    'GET /api/users/search': { query: `q=${world.word}` },
    'GET /api/search/hashtags': { query: `q=${world.word}`, needsNoDatabase: true },
    'GET /api/lists': {},
    'POST /api/lists': { body: { name: 'An example' } },
    'GET /api/lists/{id}': ofList,
    'PUT /api/lists/{id}': { ...ofList, body: { name: 'A change', is_private: false }, forbidden: 403 },
    'GET /api/lists/{id}/members': ofList,
    'GET /api/lists/{id}/timeline': ofList,
    'POST /api/lists/{id}/members/{userId}': {
      ...ofList,
      userId: stranger.id,
      missingUsers: MISSING_USERS,
      forbidden: 403,
    },
    'DELETE /api/lists/{id}/members/{userId}': { ...ofList, ...withFriend, forbidden: 403 },
    'PUT /api/admin/users/{id}/verified': { ...ofUser, body: { verified: true }, forbidden: 403 },
    'DELETE /api/lists/{id}': { ...ofList, forbidden: 403 },
    'DELETE /api/tweets/{id}': { id: tweet, missing: MISSING_TWEETS, forbidden: 403 },
    'DELETE /api/auth/sessions/{id}': { id: otherSession, missing: [crypto.randomUUID()], forbidden: 404 },
    'POST /api/auth/password': {
      body: { current_password: PASSWORD, new_password: `${PASSWORD} again` },
    },
    'POST /api/auth/logout': { body: { everywhere: true } },
    'DELETE /api/users/me': { body: { password: PASSWORD } },
  }
  return examples
}

/** What is changed in an example. */
export interface Change {
  /** `name=value&...`. */
  query?: string
  id?: number | string
  userId?: number | string
  body?: unknown
  headers?: Record<string, string>
  /** None when null. */
  token?: string | null
}

/** Asks as the example does, but for the change. */
export function ask({ method, path }: Operation, example: Example, token: string, change: Change = {}) {
  const id = String(change.id ?? example.id ?? '')
  const userId = String(change.userId ?? example.userId ?? '')
  const query = [example.query, change.query].filter((part) => part !== undefined).join('&')
  const shown = change.token === undefined ? token : change.token
  const presented: ApiOptions = shown === null ? {} : (example.present ?? inAuthorization)(shown)
  const body = 'body' in change ? change.body : example.body
  return api(
    method,
    `${path
      .replace('{userId}', userId)
      .replace('{id}', id)
      .replace('{tag}', example.tag ?? '')}${query === '' ? '' : `?${query}`}`,
    {
      ...presented,
      headers: { ...example.headers, ...presented.headers, ...change.headers },
      ...(body === undefined ? {} : { body }),
    },
  )
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
      (select json_agg(b order by blocker_id, blocked_id) from blocks b
       where blocker_id in ${ids} or blocked_id in ${ids}) as blocks,
      (select json_agg(m order by muter_id, muted_id) from mutes m where muter_id in ${ids}) as mutes,
      (select count(*)::int from follow_requests where target_id in ${ids}) as asked,
      (select json_agg(l order by tweet_id) from likes l where user_id in ${ids}) as likes,
      (select json_agg(b order by tweet_id) from bookmarks b where user_id in ${ids}) as bookmarks,
      (select json_agg(r order by id) from retweets r where user_id in ${ids}) as retweets,
      (select json_agg(n order by id) from notifications n where user_id in ${ids}) as notifications,
      (select json_agg(i order by user_id) from notification_inboxes i where user_id in ${ids}) as inboxes,
      (select json_agg(w order by id) from muted_words w where user_id in ${ids}) as muted_words,
      (select json_agg(m order by user_id, conversation_id) from muted_conversations m where user_id in ${ids})
        as muted_conversations,
      (select json_agg(v order by tweet_id) from poll_votes v where user_id in ${ids}) as votes,
      (select json_agg(m order by id) from direct_messages m
       where sender_id in ${ids} or receiver_id in ${ids}) as messages,
      (select json_agg(c order by user_id, other_id) from conversations c
       where user_id in ${ids} or other_id in ${ids}) as conversations,
      (select json_agg(p order by id) from push_subscriptions p where user_id in ${ids}) as push_subscriptions,
      (select json_agg(d order by user_id, dismissed_id) from dismissed_recommendations d
       where user_id in ${ids}) as dismissed,
      (select json_agg(e order by id) from exports e where user_id in ${ids}) as exports,
      (select json_agg(l order by id) from lists l where owner_id in ${ids}) as lists,
      (select json_agg(m order by list_id, user_id) from list_members m where user_id in ${ids}) as list_members,
      (select count(*)::int from counter_deltas where subject = 'user' and subject_id in ${ids}) as deltas`)
  return z.record(z.string(), z.unknown()).parse(state)
}
