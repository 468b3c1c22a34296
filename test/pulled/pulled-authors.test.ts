import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readHomeBelow } from '../../src/db/statements/home-timeline.ts'
import { type EntryId, MAX_ID, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { muteUser, unmuteUser } from '../../src/services/mute-user.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { settleFollow } from '../../src/services/settle-follow.ts'
import { updateProfile } from '../../src/services/update-profile.ts'
import { PulledAuthors, type SharedCache } from '../../src/views/pulled-authors.ts'
import { act, bodyOf, follow, post, remove, runFanOut, spread, unfollow } from '../runtime/consumers.ts'
import { refuseDatabase, watchDatabase } from '../runtime/database-gate.ts'
import { rows, testDeps } from '../runtime/harness.ts'
import { idsOf, readTop } from '../runtime/home-tops.ts'
import { type Line, linesOf, readHome, rebuild, scrollHome } from '../runtime/homes.ts'
import { mute, patient, type Saying, say, unmute } from '../runtime/muting.ts'
import {
  insertFollowers,
  insertPeople,
  insertRecentTweets,
  insertRetweets,
  insertTweets,
} from '../runtime/people.ts'
import { Recorders } from '../runtime/recorders.ts'

const NOTHING_SHARED: SharedCache = { get: async () => null, put: async () => {} }

/** An isolate that knows nothing yet. */
const isolate = (): Partial<Deps> => ({ pulled: new PulledAuthors(), sharedCache: NOTHING_SHARED })

async function people(count: number): Promise<[Viewer, ...Viewer[]]> {
  const [first, ...others] = await insertPeople(count)
  if (first === undefined) throw new Error('Nobody was inserted')
  return [first, ...others]
}

/** The author has been above the limit for an hour. */
async function pull({ id }: Viewer): Promise<void> {
  await rows(sql`
    insert into pulled_authors (user_id, since) values (${id}, now() - interval '1 hour')
    on conflict (user_id) do update set since = excluded.since, leaving_at = null, left_at = null`)
}

async function wavers({ id }: Viewer): Promise<void> {
  await rows(sql`update pulled_authors set leaving_at = now() where user_id = ${id}`)
}

async function leaves({ id }: Viewer): Promise<void> {
  await rows(sql`
    update pulled_authors set leaving_at = coalesce(leaving_at, now()), left_at = now() where user_id = ${id}`)
}

/** The reader's home timeline as Postgres alone has it. */
async function truth(reader: Viewer): Promise<Line[]> {
  const page = { before: MAX_ID, top: MAX_ID, offset: 0, limit: 1000, nowMs: Date.now() }
  const found = await readHomeBelow(testDeps().db, reader.id, page)
  return found.rows.flatMap(({ entry }): Line[] =>
    entry === null ? [] : [[entry.tweet.id, (entry.retweeter?.id ?? null) as Line[1]]],
  )
}

async function setScene() {
  const [reader, star, friend] = await people(3)
  if (star === undefined || friend === undefined) throw new Error('Three')
  for (const followee of [star, friend]) await insertFollowers([reader], followee)
  await readHome(reader, {}, isolate())
  await pull(star)
  return { reader, star, friend }
}

describe('a pulled author', () => {
  it('is not delivered to followers, and is on their home timelines all the same', async () => {
    const { reader, star } = await setScene()
    const { id, outbox } = await post(star)
    const recorders = new Recorders()
    await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))
    expect(recorders.receivers).toEqual([])
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual([[id, null]])
  })

  it('sees what they posted at once', async () => {
    const { star } = await setScene()
    await readHome(star, {}, isolate())
    const { id, outbox } = await post(star)
    await spread(outbox)
    expect(linesOf(await readHome(star, {}, isolate()))).toEqual([[id, null]])
  })

  it('is delivered for ten minutes more, which nobody sees twice', async () => {
    const { reader, star } = await setScene()
    await rows(sql`update pulled_authors set since = now() where user_id = ${star.id}`)
    const { id, outbox } = await post(star)
    const recorders = new Recorders()
    await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))
    expect(recorders.receivers).toEqual([reader.id])
    const again = await post(star)
    await spread(again.outbox)
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual([
      [again.id, null],
      [id, null],
    ])
  })

  it('is not shown with what is sensitive to those who hide it, and is once they do not', async () => {
    const { reader, star, friend } = await setScene()
    const shown = await post(star)
    const sensitive = await post(star, 'Sensitive', {}, { isSensitive: true })
    const quoting = await post(star, 'Look', {}, { quoteTweetId: sensitive.id })
    const plain = await post(friend)
    await spread(plain.outbox)
    const same = isolate()
    const read = async () => (await readHome(reader, {}, same)).tweets
    expect((await read()).map(({ id }) => id)).toEqual([plain.id, quoting.id, shown.id])
    expect((await read())[1]?.quote_tweet).toEqual({ id: sensitive.id, unavailable: true })
    await updateProfile(testDeps(), reader, { id: reader.id }, { hide_sensitive: false })
    expect((await read()).map(({ id }) => id)).toEqual([plain.id, quoting.id, sensitive.id, shown.id])
  })

  it('is seen by new followers, also with what came after their follow', async () => {
    const { reader, star } = await setScene()
    const [late] = await people(1)
    await readHome(late, {}, isolate())
    const before = await post(star)
    await spread(before.outbox)
    await spread(await follow(late, star))
    const after = await post(star)
    await spread(after.outbox)
    const both = [
      [after.id, null],
      [before.id, null],
    ]
    expect(linesOf(await readHome(late, {}, isolate()))).toEqual(both)
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual(both)
    await spread(await unfollow(late, star))
    expect(linesOf(await readHome(late, {}, isolate()))).toEqual([])
  })

  it('is not shown to those who block or mute whom they retweet', async () => {
    const { reader, star } = await setScene()
    const [author] = await people(1)
    const [tweet = 0 as TweetId] = await insertRecentTweets(author, 1)
    await spread(await act(retweetTweet, star, tweet))
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual([[tweet, star.id]])
    await rows(sql`insert into mutes (muter_id, muted_id) values (${reader.id}, ${author.id})`)
    await rebuild(reader)
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual([])
  })

  it('answers others out of the sight of those who do not follow them', async () => {
    const { reader, star, friend } = await setScene()
    const [stranger] = await people(1)
    const [toStranger = 0 as TweetId] = await insertRecentTweets(stranger, 1)
    const [toFriend = 0 as TweetId] = await insertRecentTweets(friend, 1)
    const seen = await post(star, 'Yes', {}, { replyToId: toFriend })
    await post(star, 'No', {}, { replyToId: toStranger })
    await rebuild(reader)
    expect(linesOf(await readHome(reader, {}, isolate())).map(([id]) => id)).toEqual([seen.id, toFriend])
  })

  it('takes retweets and tweets back from everybody at once', async () => {
    const { reader, star } = await setScene()
    const [author] = await people(1)
    const [tweet = 0 as TweetId] = await insertRecentTweets(author, 1)
    await spread(await act(retweetTweet, star, tweet))
    const own = await post(star)
    await spread(own.outbox)
    expect(linesOf(await readHome(reader, {}, isolate()))).toHaveLength(2)
    await spread(await act(undoRetweet, star, tweet))
    await spread(await remove(star, own.id))
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual([])
  })

  it('is pushed again at once when they are below the limit, and no post of the time between is missing', async () => {
    const { reader, star } = await setScene()
    const pulledOnly = await post(star)
    await spread(pulledOnly.outbox)
    await readHome(reader, {}, isolate())
    await wavers(star)
    const again = await post(star)
    await spread(again.outbox)
    const both = [
      [again.id, null],
      [pulledOnly.id, null],
    ]
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual(both)
    await leaves(star)
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual(both)
  })

  it('comes into timelines that were not read while they were pulled', async () => {
    const { reader, star } = await setScene()
    const pulledOnly = await post(star)
    await spread(pulledOnly.outbox)
    await leaves(star)
    expect(linesOf(await readHome(reader, {}, isolate()))).toEqual([[pulledOnly.id, null]])
  })

  it('has a past beyond what is read with timelines: the page goes on in Postgres', async () => {
    const { reader, star, friend } = await setScene()
    const nowMs = Date.now()
    const ids = Array.from({ length: 460 }, (_, n) =>
      newTweetId(nowMs - 86_400_000 + n * 60_000, n % 2 === 0 ? star.id : friend.id, Math.random),
    )
    await insertTweets(ids.map((id, n) => ({ id, author: n % 2 === 0 ? star : friend })))
    await rebuild(reader)
    const shown = await scrollHome(reader, 37, async () => {}, isolate())
    expect(shown.map(([id]) => id)).toEqual(ids.toReversed())
  })

  it('costs no statement and one call once an isolate knows whom the reader follows', async () => {
    const { reader, star } = await setScene()
    await post(star)
    const warm = { ...isolate(), freshness: testDeps().freshness }
    for (let nth = 1; nth <= 2; nth++) await readHome(reader, {}, warm)
    using database = watchDatabase()
    expect((await readHome(reader, {}, warm)).tweets).toHaveLength(1)
    expect(database.trips).toEqual([])
  })

  it('does not stand on home with what its reader mutes, and pages are filled up', async () => {
    const { reader, star, friend } = await setScene()
    const sayings = Array.from({ length: 60 }, (_, n): Saying => {
      const by = n % 2 === 0 ? star : friend
      return { by, text: n % 4 < 2 ? 'A cat' : 'A dog' }
    })
    const ids = await say(sayings)
    const dogs = ids.filter((_, n) => n % 4 >= 2)
    await rebuild(reader)
    const warm = { ...isolate(), ...patient() }
    expect(linesOf(await readHome(reader, { limit: 10 }, warm))).toHaveLength(10)
    const word = await mute(reader, 'cat')
    expect(linesOf(await readHome(reader, { limit: 10 }, warm))).toEqual(
      dogs.slice(0, 10).map((id) => [id, null]),
    )
    expect((await scrollHome(reader, 7, async () => {}, isolate())).map(([id]) => id)).toEqual(dogs)
    expect(idsOf(await readTop(reader, {}, isolate())).toSorted()).toEqual(dogs.toSorted())
    await unmute(reader, word)
    expect((await scrollHome(reader, 7, async () => {}, warm)).map(([id]) => id)).toEqual(ids)
  })

  it('is missing from the page, which says so, when neither a cache nor the database has them', async () => {
    const { reader, star, friend } = await setScene()
    await post(star)
    const { id, outbox } = await post(friend)
    await spread(outbox)
    await readHome(reader, {}, isolate())
    using _gate = refuseDatabase()
    const page = await readHome(reader, {}, isolate())
    expect([linesOf(page), page.degraded]).toEqual([[[id, null]], 'stale'])
  })
})

const AUTHORS = 4

type Step =
  | { type: 'post' | 'pull' | 'waver' | 'leave' | 'follow' | 'unfollow' | 'remove'; who: number }
  | { type: 'retweet' | 'undo'; who: number; what: number }

const who = fc.nat(AUTHORS - 1)
const what = fc.nat(20)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('post' as const), who }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('retweet' as const), who, what }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('undo' as const), who, what }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'pull' as const,
        'waver' as const,
        'leave' as const,
        'follow' as const,
        'unfollow' as const,
        'remove' as const,
      ),
      who,
    }),
  },
)

describe('authors who cross the limit up and down', () => {
  it('while they post, are followed and are read: every page is what Postgres says, without gap or repeat', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 6, maxLength: 18 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, limit) => {
          const [reader, ...authors] = await people(AUTHORS + 1)
          for (const author of authors.slice(0, 2)) await insertFollowers([reader], author)
          await readHome(reader, {}, isolate())
          const tweets: { id: TweetId; author: Viewer }[] = []
          for (const one of steps) {
            await take(one, reader, authors, tweets)
            const shown = await scrollHome(reader, limit, async () => {}, isolate())
            expect(shown).toEqual(await truth(reader))
          }
        },
      ),
      { numRuns: 12 },
    )
  })
})

async function take(
  one: Step,
  reader: Viewer,
  authors: readonly Viewer[],
  tweets: { id: TweetId; author: Viewer }[],
): Promise<void> {
  const author = authors[one.who]
  if (author === undefined) throw new Error('Nobody')
  const tweet =
    'what' in one
      ? tweets[one.what % Math.max(1, tweets.length)]
      : tweets.find((each) => each.author === author)
  switch (one.type) {
    case 'post': {
      const { id, outbox } = await post(author)
      tweets.push({ id, author })
      return spread(outbox)
    }
    case 'retweet':
      return tweet === undefined ? undefined : spread(await act(retweetTweet, author, tweet.id))
    case 'undo':
      return tweet === undefined ? undefined : spread(await act(undoRetweet, author, tweet.id))
    case 'remove':
      if (tweet === undefined) return
      tweets.splice(tweets.indexOf(tweet), 1)
      return spread(await remove(author, tweet.id))
    case 'follow':
      return spread(await follow(reader, author))
    case 'unfollow':
      return spread(await unfollow(reader, author))
    case 'pull':
      return pull(author)
    case 'waver':
      return wavers(author)
    case 'leave':
      return leaves(author)
  }
}

describe('a retweet by a pulled author', () => {
  it('moves the tweet up from where the timeline holds it, also on a page that is read later', async () => {
    const { reader, star, friend } = await setScene()
    const [first = 0 as TweetId, ...others] = (await insertRecentTweets(friend, 12)).toReversed()
    const retweet = newTweetId(Date.now() + 1000, star.id, Math.random) as number as EntryId
    await insertRetweets([{ id: retweet, by: star, tweet: first }])
    await rebuild(reader)
    const lines = await scrollHome(reader, 5, async () => {}, isolate())
    expect(lines).toEqual([[first, star.id], ...others.toReversed().map((id) => [id, null])])
  })

  it('leaves the tweet where it was while the author’s retweets are not wanted, or the author is muted', async () => {
    const { reader, star, friend } = await setScene()
    const [older = 0 as TweetId, newer = 0 as TweetId] = (await insertRecentTweets(friend, 2)).toReversed()
    await pull(friend)
    const retweet = newTweetId(Date.now() + 1000, star.id, Math.random) as number as EntryId
    await insertRetweets([{ id: retweet, by: star, tweet: older }])
    const same = isolate()
    const lines = async () => linesOf(await readHome(reader, {}, same))
    const moved = [
      [older, star.id],
      [newer, null],
    ]
    const unmoved = [
      [newer, null],
      [older, null],
    ]
    expect(await lines()).toEqual(moved)
    const deps = testDeps()
    await settleFollow(deps, reader, { id: star.id }, { show_retweets: false })
    expect(await lines()).toEqual(unmoved)
    await settleFollow(deps, reader, { id: star.id }, { show_retweets: true })
    expect(await lines()).toEqual(moved)
    await muteUser(deps, reader, { id: star.id }, null)
    expect(await lines()).toEqual(unmoved)
    await unmuteUser(deps, reader, { id: star.id })
    expect(await lines()).toEqual(moved)
  })
})
