import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ACCEPTED_AT_ONCE } from '../../src/db/statements/follow-requests.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, post, spread } from './consumers.ts'
import { api, rows } from './harness.ts'
import { type ReadHome, readHome } from './homes.ts'
import { insertFollowers, insertPeople, insertRecentTweets, tokenOf } from './people.ts'

const TTL_MS = 15_000

/** An account that goes private or public; who follows it, who does not, and one who retweets and quotes it. */
interface Scene {
  owner: Viewer
  follower: Viewer
  stranger: Viewer
  other: Viewer
  tweet: TweetId
}
let scene: Scene

beforeEach(async () => {
  const [owner, follower, stranger, other] = await insertPeople(4)
  if (!owner || !follower || !stranger || !other) throw new Error('Nobody was inserted')
  await insertFollowers([follower], owner)
  const [tweet = 0 as TweetId] = await insertRecentTweets(owner, 1)
  scene = { owner, follower, stranger, other, tweet }
})

async function ask(who: Viewer | null, method: string, path: string, body?: unknown) {
  const token = who === null ? {} : { token: await tokenOf(who) }
  return api(method, `/api${path}`, { ...token, ...(body === undefined ? {} : { body }) })
}
const go = (how: 'private' | 'public') =>
  ask(scene.owner, 'PUT', `/users/${scene.owner.id}`, { is_private: how === 'private' })
const setPrivate = () => rows(sql`update users set is_private = true where id = ${scene.owner.id}`)
const request = (who: Viewer) => ask(who, 'POST', `/users/${scene.owner.id}/follow`)
const stands = async (who: Viewer) =>
  Object((await ask(who, 'GET', `/users/${scene.owner.id}`)).body).relationship as unknown

/** What of a page, as text, says that the tweet is on it. */
async function isOn(who: Viewer | null, path: string): Promise<boolean> {
  const { status, body } = await ask(who, 'GET', path)
  return status === 200 && JSON.stringify(body).includes(`Tweet ${scene.tweet}`)
}

/** Every place in which the tweet stands by itself. */
async function placesOf({ owner, other, tweet }: Scene): Promise<string[]> {
  const list = await ask(other, 'POST', '/lists', { name: 'Them' })
  const id = Object(list.body).id as number
  await ask(other, 'POST', `/lists/${id}/members/${owner.id}`)
  await ask(other, 'POST', `/tweets/${tweet}/retweet`)
  const answer = await ask(other, 'POST', `/tweets/${tweet}/reply`, { content: 'I see' })
  return [
    `/tweets/${tweet}`,
    `/tweets/${tweet}/thread`,
    `/tweets/${Object(answer.body).id}/thread`,
    `/users/${owner.id}/tweets`,
    `/timeline/user/${owner.id}`,
    `/users/${other.id}/tweets`,
    `/lists/${id}/timeline`,
  ]
}

describe('an account that goes private', () => {
  it('takes its old tweets from all who do not follow it, at once', async () => {
    const { stranger } = scene
    const places = await placesOf(scene)
    for (const place of places) expect([place, await isOn(stranger, place)]).toEqual([place, true])
    expect((await go('private')).status).toBe(200)
    for (const place of places) {
      expect([place, await isOn(stranger, place)]).toEqual([place, false])
      expect([place, await isOn(null, place)]).toEqual([place, false])
    }
  })

  it('keeps its followers, who see what they saw', async () => {
    const { owner, follower } = scene
    const places = await placesOf(scene)
    await go('private')
    for (const place of places) {
      expect([place, await isOn(follower, place)]).toEqual([place, true])
      expect([place, await isOn(owner, place)]).toEqual([place, true])
    }
    expect(await stands(follower)).toMatchObject({ is_following: true })
  })

  it('is asked from then on', async () => {
    await go('private')
    const { body } = await request(scene.stranger)
    expect(body).toEqual({ message: 'Follow requested', is_following: false, follow_requested: true })
  })

  it('leaves what others made of its tweets: their retweets leave cached home pages within 15 s, quotes become stubs', async () => {
    const { stranger, other, tweet } = scene
    await insertFollowers([stranger], other)
    let nowMs = Date.now()
    const isolate: Partial<Deps> = { freshness: new FreshnessCache(TTL_MS), now: () => nowMs }
    await readHome(stranger, {}, isolate)
    await spread(await act(retweetTweet, other, tweet))
    const quoting = await post(other, 'Look', {}, { quoteTweetId: tweet })
    await spread(quoting.outbox)
    const shown = ({ tweets }: ReadHome) => tweets.map(({ id, quote_tweet }) => [id, quote_tweet])
    const before = [
      [quoting.id, expect.objectContaining({ id: tweet, content: `Tweet ${tweet}` })],
      [tweet, null],
    ]
    expect(shown(await readHome(stranger, {}, isolate))).toEqual(before)
    await go('private')
    nowMs += TTL_MS
    const stub = { id: tweet, unavailable: true }
    expect(shown(await readHome(stranger, {}, isolate))).toEqual([[quoting.id, stub]])
    expect((await ask(stranger, 'GET', `/tweets/${quoting.id}`)).body).toMatchObject({ quote_tweet: stub })
  })
})

describe('an account that goes public', () => {
  beforeEach(() => setPrivate())

  it('gives its old tweets back to everybody, at once', async () => {
    const { stranger, follower } = scene
    const places = await placesOf({ ...scene, other: follower })
    const [byId = ''] = places
    expect(await isOn(stranger, byId)).toBe(false)
    await go('public')
    // A private tweet is not retweeted: nothing stands on the follower's own timeline.
    for (const place of places.filter((path) => path !== `/users/${follower.id}/tweets`)) {
      expect([place, await isOn(stranger, place)]).toEqual([place, true])
      expect([place, await isOn(null, place)]).toEqual([place, true])
    }
  })

  it('has accepted who asked by the time it is answered', async () => {
    const { owner, stranger, other } = scene
    for (const who of [stranger, other]) {
      expect((await request(who)).body).toMatchObject({ follow_requested: true })
    }
    await go('public')
    for (const who of [stranger, other]) {
      expect(await stands(who)).toMatchObject({ is_following: true, follow_requested: false })
    }
    expect((await ask(owner, 'GET', '/follow-requests')).body).toMatchObject({ users: [] })
  })

  it('brings its tweets to the warm home timelines of who asked, and counts them', async () => {
    const { owner, stranger, tweet } = scene
    const onHome = async () => (await readHome(stranger)).tweets.map(({ id }) => id)
    expect(await onHome()).toEqual([])
    await request(stranger)
    await go('public')
    await vi.waitFor(async () => expect(await onHome()).toEqual([tweet]), 10_000)
    await vi.waitFor(async () => {
      const { body } = await ask(owner, 'GET', `/users/${owner.id}`)
      expect(body).toMatchObject({ follower_count: 1 })
    }, 10_000)
  })

  it('accepts more than it can at once step by step', async () => {
    const { owner } = scene
    const asking = await insertPeople(ACCEPTED_AT_ONCE + 1)
    const ids = JSON.stringify(asking.map(({ id }) => id))
    await rows(sql`
      insert into follow_requests (requester_id, target_id)
      select id::bigint, ${owner.id} from jsonb_array_elements_text(${ids}::jsonb) as asking(id)`)
    await go('public')
    const [first] = asking
    if (first === undefined) throw new Error('Nobody asks')
    await vi.waitFor(async () => {
      const left = await rows(sql`select from follow_requests where target_id = ${owner.id}`)
      expect(left).toEqual([])
    }, 20_000)
    expect(await stands(first)).toMatchObject({ is_following: true, follow_requested: false })
  })
})
