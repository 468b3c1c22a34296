import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { notification as notificationSchema } from '../../src/contracts/http/notifications.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { updateProfile } from '../../src/services/update-profile.ts'
import { act, bodyOf, post, runFanOut, spread } from './consumers.ts'
import { fakeTimeline } from './fake-timeline.ts'
import { api, rows, testDeps } from './harness.ts'
import { readTop } from './home-tops.ts'
import { type ReadHome, readHome, rebuild, scrollHome, warmAbove } from './homes.ts'
import { insertFollowers, insertPeople, tokenOf } from './people.ts'
import { StreamClient } from './stream-client.ts'

const SENSITIVE = { isSensitive: true }

/** The reader follows two, who have never written. All timelines are cold. */
interface Scene {
  reader: Viewer
  author: Viewer
  other: Viewer
}
let scene: Scene

beforeEach(async () => {
  const [reader, author, other] = await insertPeople(3)
  if (!reader || !author || !other) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  await insertFollowers([reader], other)
  scene = { reader, author, other }
})

/** Posts and delivers. */
async function say(
  author: Viewer,
  draft: { isSensitive?: boolean; quoteTweetId?: TweetId; replyToId?: TweetId } = {},
) {
  const { id, outbox } = await post(author, 'A tweet', {}, draft)
  await spread(outbox)
  return id
}

/** Chooses as the route does; what it owes is answered and not done. */
async function choose(who: Viewer, hide_sensitive: boolean, replaced: Partial<Deps> = {}) {
  const deps = testDeps(replaced)
  await updateProfile(deps, who, { id: who.id }, { hide_sensitive })
  await deps.settled()
  return deps.sent
}

const idsOf = ({ tweets }: Pick<ReadHome, 'tweets'>) => tweets.map(({ id }) => id)
const home = async (reader: Viewer) => idsOf(await readHome(reader))

async function ask(who: Viewer | null, method: string, path: string, body?: unknown) {
  const token = who === null ? {} : { token: await tokenOf(who) }
  return api(method, `/api${path}`, { ...token, ...(body === undefined ? {} : { body }) })
}
const listed = async (who: Viewer | null, path: string): Promise<number[]> =>
  Object((await ask(who, 'GET', path)).body).tweets.map(({ id }: { id: number }) => id)

describe('what is sensitive, on the home timeline of who hides it', () => {
  it('is not there, however the page is read', async () => {
    const { reader, author } = scene
    await home(reader)
    const first = await say(author)
    await say(author, SENSITIVE)
    const last = await say(author)
    expect(await home(reader)).toEqual([last, first])
    expect((await readTop(reader)).tweets.map(({ id }) => id).toSorted()).toEqual([first, last].toSorted())
    await rebuild(reader)
    expect(await home(reader)).toEqual([last, first])
    const broken = fakeTimeline({
      page: () => {
        throw new Error('The object was reset')
      },
    })
    expect(idsOf(await readHome(reader, {}, { timeline: () => broken }))).toEqual([last, first])
  })

  it('makes no page shorter, above what the timeline keeps and below', async () => {
    const { reader, author } = scene
    const shown: number[] = []
    for (let n = 0; n < 9; n++) {
      await say(author, SENSITIVE)
      shown.unshift(await say(author))
    }
    await warmAbove(reader, shown[4] ?? 0)
    expect(idsOf(await readHome(reader, { limit: 4 }))).toEqual(shown.slice(0, 4))
    expect((await scrollHome(reader, 4)).map(([id]) => id)).toEqual(shown)
    expect(idsOf(await readHome(reader, { limit: 2, offset: 2 }))).toEqual(shown.slice(2, 4))
  })

  it('is not there as a retweet either, and is a stub where it is quoted', async () => {
    const { reader, author, other } = scene
    await home(reader)
    const sensitive = await say(author, SENSITIVE)
    const quoting = await say(other, { quoteTweetId: sensitive })
    await spread(await act(retweetTweet, other, sensitive))
    const { tweets } = await readHome(reader)
    expect(tweets).toMatchObject([{ id: quoting, quote_tweet: { id: sensitive, unavailable: true } }])
    await rebuild(reader)
    expect((await readHome(reader)).tweets).toEqual(tweets)
  })

  it('is there where it is one’s own', async () => {
    const { reader } = scene
    await home(reader)
    const own = await say(reader, SENSITIVE)
    const quoting = await say(reader, { quoteTweetId: own })
    expect((await readHome(reader)).tweets).toMatchObject([
      { id: quoting, quote_tweet: { id: own, content: 'A tweet' } },
      { id: own },
    ])
  })

  it('comes with the next read once it is no longer hidden, and goes again', async () => {
    const { reader, author } = scene
    await home(reader)
    const sensitive = await say(author, SENSITIVE)
    await choose(reader, false)
    expect(await home(reader)).toEqual([sensitive])
    await choose(reader, true)
    expect(await home(reader)).toEqual([])
  })

  it('is told to a timeline that did not hear of the choice, and a repeat owes nothing', async () => {
    const { reader, author } = scene
    await home(reader)
    const sensitive = await say(author, SENSITIVE)
    const deaf = fakeTimeline({ apply: async () => ({ ok: false, code: 'unavailable' }) })
    const owed = await choose(reader, false, { timeline: () => deaf })
    expect(owed).toMatchObject([{ queue: 'fan-out', message: { type: 'preferences_changed' } }])
    expect(await home(reader)).toEqual([])
    await runFanOut(owed.map(bodyOf))
    expect(await home(reader)).toEqual([sensitive])
    expect(await choose(reader, false)).toEqual([])
  })

  it('is not undone by muting a word, nor undoes that', async () => {
    const { reader, author } = scene
    await home(reader)
    const sensitive = await say(author, SENSITIVE)
    await choose(reader, false)
    await ask(reader, 'POST', '/muted-words', { phrase: 'spoiler' })
    const { id, outbox } = await post(author, 'A spoiler')
    await spread(outbox)
    expect(await home(reader)).toEqual([sensitive])
    await choose(reader, true)
    expect(await home(reader)).not.toContain(id)
  })

  it('comes as no frame, nor what was missed of it', async () => {
    const { reader, author, other } = scene
    const client = await StreamClient.connect(reader)
    const since = client.seq
    const sensitive = await say(author, SENSITIVE)
    const quoting = await say(other, { quoteTweetId: sensitive })
    const stub = [{ id: quoting, quote_tweet: { id: sensitive, unavailable: true } }]
    await client.until(() => client.typesOf('tweet').length > 0)
    expect(client.typesOf('tweet').map(({ data }) => data)).toMatchObject(stub)
    const resumed = await StreamClient.connect(reader, since)
    expect(resumed.typesOf('tweet').map(({ data }) => data)).toMatchObject(stub)
  })
})

describe('what is sensitive, elsewhere', () => {
  /** A tweet, one that is sensitive, and a plain one that answers, quotes and mentions. */
  async function write() {
    const { reader, author, other } = scene
    const asked = await say(reader)
    const plain = await post(
      author,
      `Hello @${reader.username}`,
      {},
      { replyToId: asked, quoteTweetId: asked },
    )
    const sensitive = await post(
      author,
      `Look @${reader.username}`,
      {},
      {
        replyToId: asked,
        quoteTweetId: asked,
        isSensitive: true,
      },
    )
    await act(retweetTweet, other, sensitive.id)
    const list = Object((await ask(other, 'POST', '/lists', { name: 'Them' })).body).id as number
    for (const { id } of [author, other]) await ask(other, 'POST', `/lists/${list}/members/${id}`)
    return { asked, plain: plain.id, sensitive: sensitive.id, list }
  }

  it('is left out of what one did not ask for by name, for who hides it and who is signed out', async () => {
    const { reader, author, other } = scene
    const { asked, plain, sensitive, list } = await write()
    const places = [
      `/users/${author.id}/tweets?replies=true`,
      `/timeline/user/${author.id}`,
      `/users/${other.id}/tweets`,
      `/lists/${list}/timeline`,
      `/tweets/${asked}/replies`,
      `/tweets/${asked}/quotes`,
      '/timeline/mentions',
    ]
    for (const path of places) {
      const isOwn = path === '/timeline/mentions'
      const shown = path === `/users/${other.id}/tweets` ? [] : [plain]
      expect([path, await listed(reader, path)]).toEqual([path, shown])
      if (!isOwn) expect([path, await listed(null, path)]).toEqual([path, shown])
    }
    await choose(reader, false)
    for (const path of places)
      expect([path, await listed(reader, path)]).toEqual([path, expect.arrayContaining([sensitive])])
  })

  it('is not among the replies of a thread, but is itself a thread, with what stands above it', async () => {
    const { reader, other } = scene
    const { asked, plain, sensitive } = await write()
    const answer = await say(other, { replyToId: sensitive })
    const repliesTo = async (who: Viewer | null) =>
      Object((await ask(who, 'GET', `/tweets/${asked}/thread`)).body).replies.map(
        (reply: { tweet: { id: number } }) => reply.tweet.id,
      )
    expect(await repliesTo(reader)).toEqual([plain])
    expect(await repliesTo(null)).toEqual([plain])
    const above = (await ask(reader, 'GET', `/tweets/${answer}/thread`)).body
    expect(above).toMatchObject({ ancestors: [{ id: asked }, { id: sensitive, is_sensitive: true }] })
    expect((await ask(null, 'GET', `/tweets/${sensitive}/thread`)).body).toMatchObject({
      tweet: { id: sensitive },
    })
    await choose(reader, false)
    expect(await repliesTo(reader)).toEqual([plain, sensitive])
  })

  it('is there where it is asked for: by id, quoted in that, among one’s likes and bookmarks, and on one’s own timeline', async () => {
    const { reader, author, other } = scene
    const { sensitive } = await write()
    const quoting = await say(other, { quoteTweetId: sensitive })
    expect((await ask(null, 'GET', `/tweets/${sensitive}`)).status).toBe(200)
    expect((await ask(reader, 'GET', `/tweets/${quoting}`)).body).toMatchObject({
      quote_tweet: { id: sensitive, is_sensitive: true },
    })
    for (const act of ['like', 'bookmark', 'retweet'])
      await ask(reader, 'POST', `/tweets/${sensitive}/${act}`)
    for (const path of ['/timeline/likes', '/bookmarks', `/users/${reader.id}/tweets`]) {
      expect([path, await listed(reader, path)]).toEqual([path, expect.arrayContaining([sensitive])])
    }
    expect(await listed(author, `/users/${author.id}/tweets?replies=true`)).toContain(sensitive)
    expect(await listed(author, `/users/${reader.id}/tweets`)).toContain(sensitive)
  })

  it('is notified of all the same', async () => {
    const { reader, author } = scene
    const { sensitive } = await write()
    await rows(sql`
      insert into notifications (user_id, actor_id, type, tweet_id)
      values (${reader.id}, ${author.id}, 'mention', ${sensitive})`)
    const { body } = await ask(reader, 'GET', '/notifications')
    expect(
      Object(body).notifications.map((one: unknown) => notificationSchema.parse(one).tweet?.id),
    ).toContain(sensitive)
  })

  it('fills pages of others’ timelines all the same', async () => {
    const { reader, author } = scene
    const shown: number[] = []
    for (let n = 0; n < 4; n++) {
      await say(author, SENSITIVE)
      shown.unshift(await say(author))
    }
    expect(await listed(reader, `/users/${author.id}/tweets?limit=3`)).toEqual(shown.slice(0, 3))
  })
})
