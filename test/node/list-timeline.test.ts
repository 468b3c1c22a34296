import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { readListEntries } from '../../src/db/statements/list-timeline.ts'
import type { ListId, UserId } from '../../src/domain/ids.ts'
import { type ListPlace, readListTimeline } from '../../src/services/read-list-timeline.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { addList, addRetweet } from './harness/lists.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const page = () => ({ before: null, top: null, nowMs: Date.now(), limit: 100, offset: 0 })
const tweetBy = (author: UserId, columns: Record<string, unknown> = {}) =>
  addTweet(database.pool, author, columns)

/** Ids of the tweets that a first page shows; null where there is no such list for the viewer. */
async function shownTo(viewer: UserId | null, list: ListId): Promise<number[] | null> {
  const rows = await readListEntries(db, list, viewer, page())
  return rows?.flatMap(({ entry }) => (entry === null ? [] : [entry.tweet.id])) ?? null
}

type Tie = 'nothing' | 'asks' | 'blocks' | 'is blocked by' | 'mutes' | 'muted once'
const TIES: Tie[] = ['nothing', 'asks', 'blocks', 'is blocked by', 'mutes', 'muted once']
const STATES: Record<string, Record<string, unknown>> = {
  public: {},
  private: { is_private: true },
  suspended: { suspended_at: new Date() },
  deactivated: { is_active: false },
}

async function tie(kind: Tie, viewer: UserId, author: UserId): Promise<void> {
  const expires = (inMs: number) => ({ expires_at: new Date(Date.now() + inMs) })
  if (kind === 'asks') await people.add('follow_requests', viewer, author)
  if (kind === 'blocks') await people.add('blocks', viewer, author)
  if (kind === 'is blocked by') await people.add('blocks', author, viewer)
  if (kind === 'mutes') await people.add('mutes', viewer, author, expires(60_000))
  if (kind === 'muted once') await people.add('mutes', viewer, author, expires(-1_000))
}

describe.each(Object.keys(STATES))('the timeline of a list with somebody who is %s', (state) => {
  const present = state === 'public' || state === 'private'
  const cases = TIES.flatMap((kind) => [false, true].map((follows) => ({ kind, follows })))

  it.each(cases)(
    'shows what they write to who may see it: $kind, follows: $follows',
    async ({ kind, follows }) => {
      const [owner, viewer, friend] = await people.addUsers(3)
      if (!owner || !viewer || !friend) throw new Error('Nobody was added')
      const author = await people.addUser(STATES[state])
      if (follows) await people.add('follows', viewer, author)
      await tie(kind, viewer, author)
      const own = await tweetBy(author)
      const other = await tweetBy(owner)
      await addRetweet(database.pool, author, other)
      const allowed =
        present && (state === 'public' || follows) && !['blocks', 'is blocked by', 'mutes'].includes(kind)

      const listed = await addList(database.pool, owner, { members: [author] })
      expect(await shownTo(viewer, listed)).toEqual(allowed ? [other, own] : [])
      // Whoever retweets it: the author is not on this list.
      const around = await addList(database.pool, owner, { members: [friend] })
      await addRetweet(database.pool, friend, own)
      expect(await shownTo(viewer, around)).toEqual(allowed ? [own] : [])
    },
  )

  it('shows it to themselves as long as they are there, and to who is signed out where it is public', async () => {
    const [owner, author] = [await people.addUser(), await people.addUser(STATES[state])]
    const tweet = await tweetBy(author)
    const list = await addList(database.pool, owner, { members: [author] })
    expect(await shownTo(author, list)).toEqual(present ? [tweet] : [])
    expect(await shownTo(null, list)).toEqual(state === 'public' ? [tweet] : [])
  })
})

describe('the timeline of a list', () => {
  it('is there for who may read the list, in one round trip', async () => {
    const [owner, stranger, blocked] = await people.addUsers(3)
    if (!owner || !stranger || !blocked) throw new Error('Nobody was added')
    await people.add('blocks', owner, blocked)
    const open = await addList(database.pool, owner)
    const secret = await addList(database.pool, owner, { isPrivate: true, members: [stranger] })
    const tweet = await tweetBy(stranger)
    for (const viewer of [owner, stranger, null]) expect(await shownTo(viewer, open)).toEqual([])
    expect(await shownTo(owner, secret)).toEqual([tweet])
    for (const viewer of [stranger, null]) expect(await shownTo(viewer, secret)).toBeNull()
    expect(await shownTo(blocked, open)).toBeNull()
    expect(await shownTo(owner, 1_000_000_000 as ListId)).toBeNull()
    expect(await roundTripsOf(database, () => shownTo(owner, secret))).toBe(1)
  })

  it('has replies and retweets with who retweeted, flags, and nothing deleted or of who is not on it', async () => {
    const [viewer, member, outsider] = await people.addUsers(3)
    if (!viewer || !member || !outsider) throw new Error('Nobody was added')
    const theirs = await tweetBy(outsider)
    const reply = await tweetBy(member, { reply_to_id: theirs, reply_to_user_id: outsider })
    await tweetBy(member, { is_deleted: true })
    await addRetweet(database.pool, member, theirs)
    await addRetweet(database.pool, member, await tweetBy(outsider, { is_deleted: true }))
    await database.pool.query('insert into likes (user_id, tweet_id) values ($1, $2)', [viewer, theirs])
    const list = await addList(database.pool, viewer, { members: [member] })
    const { deps } = depsOn(db)
    const { tweets } = await readListTimeline(deps, viewerOf(viewer), list, {
      place: null,
      offset: 0,
      limit: 9,
    })
    expect(tweets).toMatchObject([
      { id: theirs, is_liked: true, retweeted_by: { id: member } },
      { id: reply, is_liked: false },
    ])
    expect(tweets[1]).not.toHaveProperty('retweeted_by')
  })

  it('has a tweet once in a scroll, where its newest entry was as the scroll began', async () => {
    const [viewer, first, second] = await people.addUsers(3)
    if (!viewer || !first || !second) throw new Error('Nobody was added')
    const list = await addList(database.pool, viewer, { members: [first, second] })
    const old = await tweetBy(first)
    const middle = await tweetBy(first)
    const again = await addRetweet(database.pool, second, old)
    const { deps } = depsOn(db)
    const read = (place: ListPlace | null) =>
      readListTimeline(deps, viewerOf(viewer), list, { place, offset: 0, limit: 1 })
    const top = await read(null)
    expect(top.tweets).toMatchObject([{ id: old, retweeted_by: { id: second } }])
    expect(top.next).toEqual({ before: again, top: again })
    // What comes meanwhile is above the scroll.
    await addRetweet(database.pool, second, middle)
    const next = await read(top.next)
    expect(next.tweets).toMatchObject([{ id: middle }])
    const last = await read(next.next)
    expect(last).toEqual({ tweets: [], next: null })
  })

  it('can be skipped by an offset', async () => {
    const [viewer, member] = [await people.addUser(), await people.addUser()]
    const list = await addList(database.pool, viewer, { members: [member] })
    const tweets: number[] = []
    for (let n = 0; n < 5; n++) tweets.unshift(await tweetBy(member))
    const rows = await readListEntries(db, list, viewer, { ...page(), limit: 2, offset: 2 })
    expect(rows?.map(({ entry_id }) => entry_id)).toEqual(tweets.slice(2, 4))
  })

  it('comes page by page to the end, without a gap or a repeat, whatever its members did', async () => {
    const viewer = await people.addUser()
    const outsider = await people.addUser()
    const { deps } = depsOn(db)
    const act = fc.record({
      by: fc.integer({ min: 0, max: 3 }),
      retweets: fc.option(fc.nat(20)),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 6 }),
        async (acts, limit) => {
          const members = await people.addUsers(3)
          const all = [...members, outsider]
          const list = await addList(database.pool, viewer, { members })
          const tweets: number[] = []
          /** Of the members, the oldest first. */
          const entries: number[] = []
          const retweeted = new Set<string>()
          for (const { by, retweets } of acts) {
            const who = all[by] as UserId
            const target = retweets === null ? undefined : tweets[retweets % tweets.length]
            if (target === undefined) {
              const tweet = await tweetBy(who)
              tweets.push(tweet)
              if (who !== outsider) entries.push(tweet)
            } else if (!retweeted.has(`${who} ${target}`)) {
              retweeted.add(`${who} ${target}`)
              await addRetweet(database.pool, who, target)
              if (who !== outsider) entries.push(target)
            }
          }
          const read: number[] = []
          for (let place: ListPlace | null = null; ; ) {
            const { tweets: shown, next }: Awaited<ReturnType<typeof readListTimeline>> =
              await readListTimeline(deps, viewerOf(viewer), list, { place, offset: 0, limit })
            read.push(...shown.map(({ id }) => id))
            if (next === null) break
            place = next
          }
          expect(read).toEqual([...new Set(entries.toReversed())])
        },
      ),
      { numRuns: 20, endOnFailure: true },
    )
  })
})
