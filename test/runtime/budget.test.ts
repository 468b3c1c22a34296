import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { signedInUser, tokens } from '../../src/contracts/http/auth.ts'
import { list } from '../../src/contracts/http/lists.ts'
import { message } from '../../src/contracts/http/messages.ts'
import { pushSubscription } from '../../src/contracts/http/push.ts'
import { type EntryId, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { insertArchive } from './archives.ts'
import { insertSessionOf, newBrowser } from './browsers.ts'
import { rankTwo } from './examples.ts'
import { PASSWORD, rows, uniqueName } from './harness.ts'
import { readOperations } from './operations.ts'
import {
  insertFollowers,
  insertPeople,
  insertRecentTweets,
  insertRetweets,
  timelineOf,
  tokenOf,
} from './people.ts'
import { indexWorld } from './searching.ts'
import { type Isolate, openIsolate, type Spending, type Spent } from './spending.ts'

/**
 * docs/architecture.md, "What a request may spend". Exactly this: one awaited round trip more is a broken promise, one
 * fewer is a table to mend.
 */
const nothing: Spending = { sql: 0, objectSql: 0, objectCalls: 0, passwordCalls: 0, searchCalls: 0 }
const oneStatement: Spending = { ...nothing, sql: 1 }
const oneSearch: Spending = { ...nothing, searchCalls: 1 }
const statementAndSearch: Spending = { ...oneSearch, sql: 1 }
const oneCall: Spending = { ...nothing, objectCalls: 1 }
const statementAndCall: Spending = { ...nothing, sql: 1, objectCalls: 1 }

/** A reader with a warm timeline, who follows an author, and an isolate that has cached nothing yet. */
interface Scene {
  isolate: Isolate
  reader: Viewer
  author: Viewer
  token: string
  /** The author's newest tweet. */
  tweet: number
  /** The reader's own. */
  ownTweet: number
}

async function setScene({ warm = true } = {}): Promise<Scene> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  const [tweet = 0] = await insertRecentTweets(author, 3)
  const [ownTweet = 0] = await insertRecentTweets(reader, 1)
  const token = await tokenOf(reader)
  if (warm) await openIsolate().spend('GET', '/api/timeline/home', { token })
  return { isolate: openIsolate(), reader, author, token, tweet, ownTweet }
}

/** The author writes to the reader; answers the message's id. */
async function writtenToReader({ isolate, reader, author }: Scene): Promise<number> {
  const options = { token: await tokenOf(author), body: { content: 'A word' } }
  const { body } = await isolate.spend('POST', `/api/messages/${reader.id}`, options)
  return message.parse(body).id
}

/** A list of the reader's, with the author on it; answers its path. */
async function listOfReader({ isolate, author, token }: Scene): Promise<string> {
  const { body } = await isolate.spend('POST', '/api/lists', { token, body: { name: 'Thrift' } })
  const path = `/api/lists/${list.parse(body).id}`
  await isolate.spend('POST', `${path}/members/${author.id}`, { token })
  return path
}

interface Priced {
  operation: string
  price: Spending
  ask(scene: Scene): Promise<Spent>
}

const priced = (operation: string, price: Spending, ask: Priced['ask']): Priced => ({ operation, price, ask })

/** Routes that read or write in one step: on an isolate that has cached nothing. */
const ROUTES: Priced[] = [
  priced('GET /api/health', nothing, ({ isolate }) => isolate.spend('GET', '/api/health')),
  priced('GET /api/ready', { ...statementAndSearch, passwordCalls: 1 }, ({ isolate }) =>
    isolate.spend('GET', '/api/ready'),
  ),
  priced('GET /api/users/{id}', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('GET', `/api/users/@${author.username}`, { token }),
  ),
  priced('PUT /api/users/{id}', oneStatement, ({ isolate, reader, token }) =>
    isolate.spend('PUT', `/api/users/${reader.id}`, { token, body: { bio: 'thrifty' } }),
  ),
  priced('GET /api/users/{id}/followers', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('GET', `/api/users/@${author.username}/followers`, { token }),
  ),
  priced('GET /api/users/{id}/following', oneStatement, ({ isolate, reader, token }) =>
    isolate.spend('GET', `/api/users/${reader.id}/following`, { token }),
  ),
  priced('GET /api/users/{id}/tweets', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('GET', `/api/users/@${author.username}/tweets`, { token }),
  ),
  priced('GET /api/timeline/user/{id}', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('GET', `/api/timeline/user/@${author.username}`, { token }),
  ),
  priced('POST /api/tweets', statementAndCall, ({ isolate, author, token }) => {
    const content = `To @${author.username}: a word about #${uniqueName('thrift')} and #thrift`
    return isolate.spend('POST', '/api/tweets', { token, body: { content } })
  }),
  priced('GET /api/tweets/{id}', oneStatement, ({ isolate, tweet, token }) =>
    isolate.spend('GET', `/api/tweets/${tweet}`, { token }),
  ),
  priced('DELETE /api/tweets/{id}', statementAndCall, ({ isolate, ownTweet, token }) =>
    isolate.spend('DELETE', `/api/tweets/${ownTweet}`, { token }),
  ),
  priced('DELETE /api/users/{id}/follow', statementAndCall, ({ isolate, author, token }) =>
    isolate.spend('DELETE', `/api/users/@${author.username}/follow`, { token }),
  ),
  priced('POST /api/users/{id}/follow', { ...statementAndCall, objectSql: 1 }, async (scene) => {
    const { isolate, author, token } = scene
    await isolate.spend('DELETE', `/api/users/${author.id}/follow`, { token })
    return isolate.spend('POST', `/api/users/${author.id}/follow`, { token })
  }),
  priced('PUT /api/users/{id}/follow', statementAndCall, ({ isolate, author, token }) =>
    isolate.spend('PUT', `/api/users/${author.id}/follow`, { token, body: { show_retweets: false } }),
  ),
  priced('POST /api/users/{id}/block', statementAndCall, ({ isolate, author, token }) =>
    isolate.spend('POST', `/api/users/@${author.username}/block`, { token }),
  ),
  priced('DELETE /api/users/{id}/block', statementAndCall, async ({ isolate, author, token }) => {
    await isolate.spend('POST', `/api/users/${author.id}/block`, { token })
    return isolate.spend('DELETE', `/api/users/${author.id}/block`, { token })
  }),
  priced('POST /api/users/{id}/mute', statementAndCall, ({ isolate, author, token }) =>
    isolate.spend('POST', `/api/users/@${author.username}/mute`, { token, body: {} }),
  ),
  priced('DELETE /api/users/{id}/mute', { ...statementAndCall, objectSql: 1 }, async (scene) => {
    const { isolate, author, token } = scene
    await isolate.spend('POST', `/api/users/${author.id}/mute`, { token })
    return isolate.spend('DELETE', `/api/users/${author.id}/mute`, { token })
  }),
  ...(['/api/blocks', '/api/mutes', '/api/follow-requests'] as const).map((path) =>
    priced(`GET ${path}`, oneStatement, ({ isolate, token }) => isolate.spend('GET', path, { token })),
  ),
  ...(['accept', 'reject'] as const).map((answer) =>
    priced(`POST /api/follow-requests/{userId}/${answer}`, oneStatement, async (scene) => {
      const { isolate, reader, author, token } = scene
      await rows(
        sql`insert into follow_requests (requester_id, target_id) values (${author.id}, ${reader.id})`,
      )
      return isolate.spend('POST', `/api/follow-requests/${author.id}/${answer}`, { token })
    }),
  ),
  priced('POST /api/tweets/{id}/reply', statementAndCall, ({ isolate, tweet, token }) =>
    isolate.spend('POST', `/api/tweets/${tweet}/reply`, { token, body: { content: 'A thrifty reply' } }),
  ),
  priced('PUT /api/tweets/{id}', statementAndCall, ({ isolate, ownTweet, token }) =>
    isolate.spend('PUT', `/api/tweets/${ownTweet}`, { token, body: { content: 'A thrifty edit' } }),
  ),
  priced('GET /api/tweets/{id}/history', oneStatement, ({ isolate, tweet, token }) =>
    isolate.spend('GET', `/api/tweets/${tweet}/history`, { token }),
  ),
  priced('POST /api/threads', statementAndCall, ({ isolate, token }) => {
    const tweets = [{ content: 'A thrifty' }, { content: 'thread' }]
    return isolate.spend('POST', '/api/threads', { token, body: { tweets } })
  }),
  ...(['like', 'bookmark', 'retweet'] as const).flatMap((action) => [
    priced(`POST /api/tweets/{id}/${action}`, statementAndCall, ({ isolate, tweet, token }) =>
      isolate.spend('POST', `/api/tweets/${tweet}/${action}`, { token }),
    ),
    priced(`DELETE /api/tweets/{id}/${action}`, statementAndCall, async ({ isolate, tweet, token }) => {
      await isolate.spend('POST', `/api/tweets/${tweet}/${action}`, { token })
      return isolate.spend('DELETE', `/api/tweets/${tweet}/${action}`, { token })
    }),
  ]),
  priced('POST /api/tweets/{id}/poll/votes', oneStatement, async ({ isolate, tweet, token }) => {
    await rows(sql`insert into polls (tweet_id, ends_at) values (${tweet}, now() + interval '1 day')`)
    await rows(sql`insert into poll_options (tweet_id, position, text) values (${tweet}, 0, 'yes')`)
    return isolate.spend('POST', `/api/tweets/${tweet}/poll/votes`, { token, body: { choices: [0] } })
  }),
  ...(['likes', 'retweets', 'replies', 'quotes', 'thread'] as const).map((list) =>
    priced(`GET /api/tweets/{id}/${list}`, oneStatement, ({ isolate, tweet, token }) =>
      isolate.spend('GET', `/api/tweets/${tweet}/${list}`, { token }),
    ),
  ),
  ...(['/api/bookmarks', '/api/timeline/likes', '/api/timeline/mentions'] as const).map((path) =>
    priced(`GET ${path}`, oneStatement, ({ isolate, token }) => isolate.spend('GET', path, { token })),
  ),
  priced('GET /api/muted-words', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/muted-words', { token }),
  ),
  priced('POST /api/muted-words', statementAndCall, ({ isolate, token }) =>
    isolate.spend('POST', '/api/muted-words', { token, body: { phrase: 'thrift' } }),
  ),
  priced('DELETE /api/muted-words/{id}', statementAndCall, async ({ isolate, token }) => {
    const { body } = await isolate.spend('POST', '/api/muted-words', { token, body: { phrase: 'thrift' } })
    const { id } = z.object({ id: z.number() }).parse(body)
    return isolate.spend('DELETE', `/api/muted-words/${id}`, { token })
  }),
  ...(['POST', 'DELETE'] as const).map((method) =>
    priced(`${method} /api/tweets/{id}/mute-conversation`, oneStatement, ({ isolate, tweet, token }) =>
      isolate.spend(method, `/api/tweets/${tweet}/mute-conversation`, { token }),
    ),
  ),
  priced('GET /api/timeline/home/marker', oneCall, ({ isolate, token }) =>
    isolate.spend('GET', '/api/timeline/home/marker', { token }),
  ),
  priced('PUT /api/timeline/home/marker', oneCall, ({ isolate, tweet, token }) =>
    isolate.spend('PUT', '/api/timeline/home/marker', { token, body: { last_read_id: tweet } }),
  ),
  priced('GET /api/notifications', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/notifications', { token }),
  ),
  // What is told of marks to the reader's other sockets is not waited for.
  priced('PUT /api/notifications/{id}/read', oneStatement, async ({ isolate, reader, author, token }) => {
    const [told] = await rows<{ id: number }>(sql`
      insert into notifications (user_id, actor_id, type) values (${reader.id}, ${author.id}, 'follow')
      returning id::float8 as id`)
    return isolate.spend('PUT', `/api/notifications/${told?.id}/read`, { token, heldBack: ['apply'] })
  }),
  priced('PUT /api/notifications/read-all', oneStatement, ({ isolate, token }) =>
    isolate.spend('PUT', '/api/notifications/read-all', { token, body: {}, heldBack: ['apply'] }),
  ),
  priced('GET /api/notifications/preferences', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/notifications/preferences', { token }),
  ),
  priced('PUT /api/notifications/preferences', oneStatement, ({ isolate, token }) =>
    isolate.spend('PUT', '/api/notifications/preferences', { token, body: { like: 'nobody' } }),
  ),
  priced('GET /api/messages', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/messages', { token }),
  ),
  priced('GET /api/messages/requests', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/messages/requests', { token }),
  ),
  priced('GET /api/messages/settings', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/messages/settings', { token }),
  ),
  priced('PUT /api/messages/settings', oneStatement, ({ isolate, token }) =>
    isolate.spend('PUT', '/api/messages/settings', { token, body: { allow_from: 'nobody' } }),
  ),
  priced('GET /api/messages/{userId}', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('GET', `/api/messages/@${author.username}`, { token }),
  ),
  priced('POST /api/messages/{userId}', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('POST', `/api/messages/@${author.username}`, {
      token,
      body: { content: 'A thrifty word' },
    }),
  ),
  priced('PUT /api/messages/{userId}/read', oneStatement, async (scene) => {
    const { isolate, author, token } = scene
    const up_to_id = await writtenToReader(scene)
    return isolate.spend('PUT', `/api/messages/${author.id}/read`, { token, body: { up_to_id } })
  }),
  priced('DELETE /api/messages/{userId}/{id}', oneStatement, async (scene) => {
    const id = await writtenToReader(scene)
    return scene.isolate.spend('DELETE', `/api/messages/${scene.author.id}/${id}`, { token: scene.token })
  }),
  priced('POST /api/messages/requests/{userId}/accept', oneStatement, async (scene) => {
    const { isolate, author, token } = scene
    await isolate.spend('DELETE', `/api/users/${author.id}/follow`, { token })
    await writtenToReader(scene)
    return isolate.spend('POST', `/api/messages/requests/${author.id}/accept`, { token })
  }),
  priced('DELETE /api/messages/requests/{userId}', oneStatement, async (scene) => {
    const { isolate, author, token } = scene
    await isolate.spend('DELETE', `/api/users/${author.id}/follow`, { token })
    await writtenToReader(scene)
    return isolate.spend('DELETE', `/api/messages/requests/${author.id}`, { token })
  }),
  priced('GET /api/push/subscriptions', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/push/subscriptions', { token }),
  ),
  priced('POST /api/push/subscriptions', oneStatement, async ({ isolate, reader, token }) => {
    await insertSessionOf(reader)
    return isolate.spend('POST', '/api/push/subscriptions', { token, body: await newBrowser() })
  }),
  priced('DELETE /api/push/subscriptions/{id}', oneStatement, async ({ isolate, reader, token }) => {
    await insertSessionOf(reader)
    const body = await newBrowser()
    const made = await isolate.spend('POST', '/api/push/subscriptions', { token, body })
    const { id } = pushSubscription.parse(made.body)
    return isolate.spend('DELETE', `/api/push/subscriptions/${id}`, { token })
  }),
  ...(['POST', 'GET'] as const).map((method) =>
    priced(`${method} /api/export`, oneStatement, ({ isolate, token }) =>
      isolate.spend(method, '/api/export', { token }),
    ),
  ),
  priced('GET /api/export/archive', oneStatement, async ({ isolate, reader }) =>
    isolate.spend('GET', `/api/export/archive?token=${await insertArchive(reader)}`),
  ),
  priced('GET /api/recommendations/users', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/recommendations/users', { token }),
  ),
  priced('DELETE /api/recommendations/users/{id}', oneStatement, ({ isolate, author, token }) =>
    isolate.spend('DELETE', `/api/recommendations/users/${author.id}`, { token }),
  ),
  ...(['/trending/topics', '/trending/hashtags', '/explore', '/hashtags/{tag}/tweets'] as const).map((path) =>
    priced(`GET /api${path}`, oneStatement, ({ isolate, token }) =>
      isolate.spend('GET', `/api${path.replace('{tag}', 'weir')}`, { token }),
    ),
  ),
  priced('GET /api/search/tweets', statementAndSearch, async ({ isolate, reader, author, tweet, token }) => {
    const q = await indexWorld(reader, [tweet, tweet], [author])
    return isolate.spend('GET', `/api/search/tweets?q=${q}`, { token })
  }),
  ...(['/api/search/users', '/api/users/search'] as const).map((path) =>
    priced(`GET ${path}`, statementAndSearch, async ({ isolate, reader, author, tweet, token }) => {
      const q = await indexWorld(reader, [tweet], [author])
      return isolate.spend('GET', `${path}?q=${q}`, { token })
    }),
  ),
  priced('GET /api/search/hashtags', oneSearch, ({ isolate, token }) =>
    isolate.spend('GET', '/api/search/hashtags?q=thrift', { token }),
  ),
  priced('GET /api/lists', oneStatement, ({ isolate, token }) =>
    isolate.spend('GET', '/api/lists', { token }),
  ),
  priced('POST /api/lists', oneStatement, ({ isolate, token }) =>
    isolate.spend('POST', '/api/lists', { token, body: { name: 'Thrift' } }),
  ),
  ...(['', '/members', '/timeline'] as const).map((part) =>
    priced(`GET /api/lists/{id}${part}`, oneStatement, async (scene) =>
      scene.isolate.spend('GET', `${await listOfReader(scene)}${part}`, { token: scene.token }),
    ),
  ),
  priced('PUT /api/lists/{id}', oneStatement, async (scene) =>
    scene.isolate.spend('PUT', await listOfReader(scene), { token: scene.token, body: { name: 'Thrifty' } }),
  ),
  priced('DELETE /api/lists/{id}', oneStatement, async (scene) =>
    scene.isolate.spend('DELETE', await listOfReader(scene), { token: scene.token }),
  ),
  ...(['POST', 'DELETE'] as const).map((method) =>
    priced(`${method} /api/lists/{id}/members/{userId}`, oneStatement, async (scene) => {
      const member = (method === 'POST' ? scene.reader : scene.author).id
      return scene.isolate.spend(method, `${await listOfReader(scene)}/members/${member}`, {
        token: scene.token,
      })
    }),
  ),
  priced('PUT /api/admin/users/{id}/verified', oneStatement, async ({ isolate, reader, author }) => {
    await rows(sql`update users set role = 'moderator' where id = ${reader.id}`)
    const token = await tokenOf({ ...reader, role: 'moderator' })
    return isolate.spend('PUT', `/api/admin/users/${author.id}/verified`, { token, body: { verified: true } })
  }),
  priced('GET /api/stream', statementAndCall, ({ isolate, token }) => {
    const headers = { upgrade: 'websocket', 'sec-websocket-protocol': `warbler.v1, bearer.${token}` }
    return isolate.spend('GET', '/api/stream', { headers })
  }),
]

describe('one request', () => {
  it.each(ROUTES)('spends what it may: $operation', async ({ price, ask }) => {
    const { status, spending } = await ask(await setScene())
    expect(status).toBeLessThan(300)
    expect(spending).toEqual(price)
  })
})

it('a profile that looks otherwise, opens and hides what is sensitive spends one statement, and one call for all of it', async () => {
  const { isolate, reader, token } = await setScene()
  const body = { display_name: 'Thrifty', is_private: false, hide_sensitive: false }
  const { status, spending } = await isolate.spend('PUT', `/api/users/${reader.id}`, { token, body })
  expect([status, spending]).toEqual([200, statementAndCall])
})

const HOME = 'GET /api/timeline/home'
const HOME_PATH = '/api/timeline/home'
/** An isolate that has read the pull set, as each does once a minute. */
async function primed(scene: Scene): Promise<Scene> {
  const [other] = await insertPeople(1)
  if (other === undefined) throw new Error('Nobody was inserted')
  await scene.isolate.spend('GET', HOME_PATH, { token: await tokenOf(other) })
  return scene
}

const home = ({ isolate, token }: Scene, heldBack: string[] = []) =>
  isolate.spend('GET', '/api/timeline/home', { token, heldBack })
const tweetsOf = ({ body }: { body: unknown }) =>
  z.object({ tweets: z.array(z.unknown()) }).parse(body).tweets

describe('the home timeline', () => {
  it('spends one call when it is warm and the counts are cached', async () => {
    const scene = await setScene()
    await home(scene)
    const answer = await home(scene)
    expect(tweetsOf(answer)).toHaveLength(4)
    expect(answer.headers.get('x-degraded')).toBeNull()
    expect(answer.spending).toEqual(oneCall)
  })

  it('spends one call for a reader of muted words, too', async () => {
    const scene = await setScene()
    const { isolate, token } = scene
    await isolate.spend('POST', '/api/muted-words', { token, body: { phrase: 'spendthrift' } })
    await home(scene)
    const answer = await home(scene)
    expect(tweetsOf(answer)).toHaveLength(4)
    expect(answer.spending).toEqual(oneCall)
  })

  it('spends no more with retweets, quotes and polls on the page', async () => {
    const scene = await primed(await setScene())
    const { reader, author } = scene
    const [other, stranger] = await insertPeople(2)
    if (other === undefined || stranger === undefined) throw new Error('Nobody was inserted')
    const [quoted = 0] = await insertRecentTweets(stranger, 1)
    const [quoting = 0, retweeted = 0] = await insertRecentTweets(author, 2)
    await rows(sql`update tweets set quote_tweet_id = ${quoted} where id = ${quoting}`)
    await rows(sql`
      with ending as (insert into polls (tweet_id, ends_at) values (${retweeted}, now() + interval '1 hour'))
      insert into poll_options (tweet_id, position, text) values (${retweeted}, 0, 'yes'), (${retweeted}, 1, 'no')`)
    await insertFollowers([reader], other)
    const id = newTweetId(Date.now(), other.id, Math.random) as number as EntryId
    await insertRetweets([{ id, by: other, tweet: retweeted as TweetId }])
    // Built anew. The first page makes the cards, the second asks for the counts of what they quote, the third has it all.
    await runInDurableObject(timelineOf(reader), (_object, { storage }) => {
      storage.sql.exec(`update state set phase = 'cold'`)
    })
    await abortAllDurableObjects()
    for (const price of [{ ...statementAndCall, objectSql: 2 }, statementAndCall, oneCall]) {
      const answer = await home(scene, ['keepCards'])
      expect(tweetsOf(answer)).toHaveLength(6)
      expect(answer.spending).toEqual(price)
    }
  })

  it('spends one statement more when the counts are not cached', async () => {
    const answer = await home(await primed(await setScene()))
    expect(tweetsOf(answer)).toHaveLength(4)
    expect(answer.spending).toEqual(statementAndCall)
  })

  it('spends one statement once a minute an isolate on whom it is to pull, beside the call', async () => {
    const scene = await setScene()
    expect((await home(scene)).spending).toEqual({ ...statementAndCall, sql: 2 })
    expect((await home(scene)).spending).toEqual(oneCall)
  })

  it('does not wait for that statement past the deadline, and says so', async () => {
    const answer = await home(await setScene(), ['sql'])
    expect(tweetsOf(answer)).toHaveLength(4)
    expect(answer.headers.get('x-degraded')).toBe('stale')
    expect(answer.spending).toEqual(oneCall)
  })

  it('spends two statements of its object more when it is cold, and keeps the cards after the answer', async () => {
    const answer = await home(await primed(await setScene({ warm: false })), ['keepCards'])
    expect(tweetsOf(answer)).toHaveLength(4)
    expect(answer.spending).toEqual({ ...statementAndCall, objectSql: 2 })
  })

  it('is written to, cold or warm, without a statement of its object', async () => {
    const { isolate, token } = await setScene({ warm: false })
    const { spending } = await isolate.spend('POST', '/api/tweets', { token, body: { content: 'Brr' } })
    expect(spending).toEqual(statementAndCall)
  })
})

describe('a reader who is signed out', () => {
  it.each(['topics', 'hashtags'])(
    'spends nothing on trending %s once their isolate knows them',
    async (kind) => {
      await rankTwo()
      const isolate = openIsolate()
      for (const price of [oneStatement, nothing]) {
        const { status, spending } = await isolate.spend('GET', `/api/trending/${kind}`)
        expect({ status, spending }).toEqual({ status: 200, spending: price })
      }
    },
  )

  it.each(['/explore', '/hashtags/weir/tweets'])('spends one statement on %s', async (path) => {
    const { status, spending } = await openIsolate().spend('GET', `/api${path}`)
    expect({ status, spending }).toEqual({ status: 200, spending: oneStatement })
  })
})

describe('an Idempotency-Key', () => {
  it('costs nothing, and its repeat one statement to read the first result', async () => {
    const { isolate, token } = await setScene()
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const post = () => isolate.spend('POST', '/api/tweets', { token, headers, body: { content: 'Once' } })
    const first = await post()
    const second = await post()
    expect([first.status, second.status]).toEqual([201, 201])
    expect(first.spending).toEqual(statementAndCall)
    expect(second.spending).toEqual({ ...nothing, sql: 2 })
  })

  it('of a message costs nothing either, nor does its repeat', async () => {
    const { isolate, author, token } = await setScene()
    const options = { token, headers: { 'idempotency-key': crypto.randomUUID() }, body: { content: 'Once' } }
    for (let time = 0; time < 2; time++) {
      const sent = await isolate.spend('POST', `/api/messages/${author.id}`, options)
      expect(sent).toMatchObject({ status: 201, spending: oneStatement })
    }
  })
})

describe('what is done already', () => {
  it('spends no call: nothing has changed', async () => {
    const { isolate, author, ownTweet, token } = await setScene()
    const again = await isolate.spend('POST', `/api/users/${author.id}/follow`, { token })
    expect(again).toMatchObject({ status: 200, spending: oneStatement })
    await isolate.spend('DELETE', `/api/tweets/${ownTweet}`, { token })
    const gone = await isolate.spend('DELETE', `/api/tweets/${ownTweet}`, { token })
    expect(gone).toMatchObject({ status: 204, spending: oneStatement })
  })
})

/** The routes of an account, in the order in which each has what the ones before it answered. */
const ACCOUNT_PRICES: Record<string, Spending> = {
  'POST /api/auth/register': { ...oneStatement, passwordCalls: 1 },
  'POST /api/auth/login': { ...nothing, sql: 2, passwordCalls: 1 },
  'POST /api/auth/refresh-token': oneStatement,
  'GET /api/auth/sessions': oneStatement,
  'DELETE /api/auth/sessions/{id}': oneStatement,
  'POST /api/auth/password': { ...nothing, sql: 2, passwordCalls: 2 },
  'DELETE /api/users/me': { ...nothing, sql: 2, passwordCalls: 1 },
  'POST /api/auth/logout': oneStatement,
}

const listed = z.object({ sessions: z.array(z.object({ id: z.string(), is_current: z.boolean() })) })

describe('an account', () => {
  it('spends what it may from registering to signing out', async () => {
    const isolate = openIsolate()
    const spent: Record<string, Spending> = {}
    const spend = async (operation: string, options: { id?: string; token?: string; body?: unknown }) => {
      const [method = '', path = ''] = operation.split(' ')
      const answer = await isolate.spend(method, path.replace('{id}', options.id ?? ''), options)
      expect(answer.status).toBeLessThan(300)
      spent[operation] = answer.spending
      return answer.body
    }

    const username = uniqueName()
    const account = { username, email: `${username}@example.com`, password: PASSWORD, display_name: username }
    await spend('POST /api/auth/register', { body: account })
    const signedIn = await spend('POST /api/auth/login', { body: { username, password: PASSWORD } })
    const { refreshToken } = signedInUser.parse(signedIn)
    const refreshed = await spend('POST /api/auth/refresh-token', { body: { refreshToken } })
    const token = tokens.parse(refreshed).accessToken
    const { sessions } = listed.parse(await spend('GET /api/auth/sessions', { token }))
    const id = sessions.find(({ is_current }) => !is_current)?.id ?? ''
    await spend('DELETE /api/auth/sessions/{id}', { token, id })
    const change = { current_password: PASSWORD, new_password: `${PASSWORD} again` }
    await spend('POST /api/auth/password', { token, body: change })
    await spend('DELETE /api/users/me', { token, body: { password: change.new_password } })
    // Comes back: nothing more than any sign-in.
    await spend('POST /api/auth/login', { body: { username, password: change.new_password } })
    await spend('POST /api/auth/logout', { token })

    expect(spent).toEqual(ACCOUNT_PRICES)
  })

  it('spends as much for a name that nobody has as for a wrong password', async () => {
    const isolate = openIsolate()
    const body = { username: uniqueName('nobody'), password: PASSWORD }
    const { status, spending } = await isolate.spend('POST', '/api/auth/login', { body })
    expect(status).toBe(401)
    expect(spending).toEqual({ ...oneStatement, passwordCalls: 1 })
  })
})

it('has a price for every route there is', async () => {
  const known = [...ROUTES.map(({ operation }) => operation), ...Object.keys(ACCOUNT_PRICES), HOME]
  expect((await readOperations()).map(({ name }) => name).sort()).toEqual(known.sort())
})
