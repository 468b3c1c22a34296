import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { TweetId } from '../../src/domain/ids.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { updateProfile } from '../../src/services/update-profile.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, post, spread } from './consumers.ts'
import { holdDatabase, watchDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { linesOf, type ReadHome, readHome } from './homes.ts'
import { insertFollowers, insertPeople, insertRecentTweets, timelineOf } from './people.ts'

const TTL_MS = 15_000
const READS_FRESH = `'author_is_private'`

async function setScene() {
  const [reader, author, other] = await insertPeople(3)
  if (!reader || !author || !other) throw new Error('Nobody was inserted')
  for (const followee of [author, other]) await insertFollowers([reader], followee)
  return { reader, author, other }
}

/** An isolate with its cache and its clock. */
class Isolate {
  nowMs = Date.now()
  readonly #freshness = new FreshnessCache(TTL_MS)

  get deps(): Partial<Deps> {
    return { freshness: this.#freshness, now: () => this.nowMs }
  }

  read(reader: Viewer): Promise<ReadHome> {
    return readHome(reader, {}, this.deps)
  }
}

/** Does something in another isolate, whose cache nobody else sees, at a moment of a clock. */
async function elsewhere(nowMs: number, what: (deps: Deps) => Promise<unknown>): Promise<void> {
  const deps = testDeps({ freshness: new FreshnessCache(TTL_MS), now: () => nowMs })
  await what(deps)
  await deps.settled()
}

const rename = (person: Viewer, name: string, nowMs: number) =>
  elsewhere(nowMs, (deps) => updateProfile(deps, person, { id: person.id }, { display_name: name }))
const edit = (person: Viewer, id: TweetId, content: string, nowMs: number) =>
  elsewhere(nowMs, (deps) => editTweet(deps, person, { id, content }))

const namesIn = ({ tweets }: ReadHome) => tweets.map(({ user }) => user.display_name)
const textsIn = ({ tweets }: ReadHome) => tweets.map(({ content }) => content)

describe('what an author changes', () => {
  it('is seen by others when their isolate has forgotten: a name', async () => {
    const { reader, author } = await setScene()
    await insertRecentTweets(author, 2)
    const isolate = new Isolate()
    await isolate.read(reader)
    await rename(author, 'Renamed', isolate.nowMs)
    isolate.nowMs += TTL_MS
    expect(namesIn(await isolate.read(reader))).toEqual(['Renamed', 'Renamed'])
  })

  it('is seen by others when their isolate has forgotten: a retweeter’s name', async () => {
    const { reader, author } = await setScene()
    const [eve] = await insertPeople(1)
    if (eve === undefined) throw new Error('Nobody')
    const [tweet = 0 as TweetId] = await insertRecentTweets(eve, 1)
    await spread(await act(retweetTweet, author, tweet))
    const isolate = new Isolate()
    expect(linesOf(await isolate.read(reader))).toEqual([[tweet, author.id]])
    await rename(author, 'Renamed', isolate.nowMs)
    isolate.nowMs += TTL_MS
    expect((await isolate.read(reader)).tweets[0]?.retweeted_by?.display_name).toBe('Renamed')
  })

  it('is seen by others when their isolate has forgotten: the name on a quoted tweet', async () => {
    const { reader, author, other } = await setScene()
    const quoted = await post(author)
    await post(other, 'Look', {}, { quoteTweetId: quoted.id })
    const isolate = new Isolate()
    await isolate.read(reader)
    await rename(author, 'Renamed', isolate.nowMs)
    isolate.nowMs += TTL_MS
    const [quoting] = (await isolate.read(reader)).tweets
    expect(quoting?.quote_tweet).toMatchObject({ user: { display_name: 'Renamed' } })
  })

  it('is seen by others when their isolate has forgotten: an edit that no fan-out has brought', async () => {
    const { reader, author } = await setScene()
    const { id } = await post(author, 'Before')
    const isolate = new Isolate()
    expect(textsIn(await isolate.read(reader))).toEqual(['Before'])
    await edit(author, id, 'After', isolate.nowMs)
    isolate.nowMs += TTL_MS
    expect(textsIn(await isolate.read(reader))).toEqual(['After'])
  })

  it('is seen by others when their isolate has forgotten: a deletion that no fan-out has brought', async () => {
    const { reader, author } = await setScene()
    const { id } = await post(author)
    const isolate = new Isolate()
    expect(linesOf(await isolate.read(reader))).toEqual([[id, null]])
    await elsewhere(isolate.nowMs, (deps) => deleteTweet(deps, author, id))
    isolate.nowMs += TTL_MS
    expect(linesOf(await isolate.read(reader))).toEqual([])
  })
})

describe('what one changes oneself is on one’s next page, through an isolate that knows it as it was:', () => {
  it('a name', async () => {
    const { author } = await setScene()
    await insertRecentTweets(author, 2)
    const isolate = new Isolate()
    await isolate.read(author)
    isolate.nowMs += 1
    await rename(author, 'Renamed', isolate.nowMs)
    expect(namesIn(await isolate.read(author))).toEqual(['Renamed', 'Renamed'])
  })

  it('a name, on a tweet of another that quotes one', async () => {
    const { reader, other } = await setScene()
    const quoted = await post(reader)
    await post(other, 'Look', {}, { quoteTweetId: quoted.id })
    const isolate = new Isolate()
    await isolate.read(reader)
    isolate.nowMs += 1
    await rename(reader, 'Renamed', isolate.nowMs)
    const [quoting] = (await isolate.read(reader)).tweets
    expect(quoting?.quote_tweet).toMatchObject({ id: quoted.id, user: { display_name: 'Renamed' } })
  })

  it('a name, where one is the retweeter', async () => {
    const { reader } = await setScene()
    const [eve] = await insertPeople(1)
    if (eve === undefined) throw new Error('Nobody')
    const [tweet = 0 as TweetId] = await insertRecentTweets(eve, 1)
    await readHome(reader)
    await act(retweetTweet, reader, tweet)
    const isolate = new Isolate()
    expect(linesOf(await isolate.read(reader))).toEqual([[tweet, reader.id]])
    isolate.nowMs += 1
    await rename(reader, 'Renamed', isolate.nowMs)
    expect((await isolate.read(reader)).tweets[0]?.retweeted_by?.display_name).toBe('Renamed')
  })

  it('a name, also when an isolate read the old one as it changed, and was answered after', async () => {
    const { reader, author } = await setScene()
    await insertRecentTweets(author, 1)
    await readHome(author)
    await readHome(reader)
    const isolate = new Isolate()
    {
      using held = holdDatabase(({ text }) => text.includes(READS_FRESH), 'after')
      const reading = isolate.read(reader)
      await held.reached
      isolate.nowMs += 100
      await rename(author, 'Renamed', isolate.nowMs)
      isolate.nowMs += 100
      held.release()
      await reading
    }
    expect(namesIn(await isolate.read(author))).toEqual(['Renamed'])
  })

  it('two names at once, whichever the timeline hears of last', async () => {
    const { author } = await setScene()
    await insertRecentTweets(author, 1)
    const isolate = new Isolate()
    await isolate.read(author)
    const changedAtMs = isolate.nowMs + 5
    await rows(
      sql`update users set display_name = 'Renamed', revision = revision + 1 where id = ${author.id}`,
    )
    for (const atMs of [changedAtMs, isolate.nowMs - 5]) {
      await timelineOf(author).apply([{ type: 'own_card_changed', atMs }])
    }
    isolate.nowMs = changedAtMs
    expect(namesIn(await isolate.read(author))).toEqual(['Renamed'])
  })

  it('a text', async () => {
    const { author } = await setScene()
    const { id } = await post(author, 'Before')
    const isolate = new Isolate()
    await isolate.read(author)
    await edit(author, id, 'After', isolate.nowMs)
    expect(textsIn(await isolate.read(author))).toEqual(['After'])
  })

  it('a deletion', async () => {
    const { author } = await setScene()
    const { id } = await post(author)
    const isolate = new Isolate()
    await isolate.read(author)
    await elsewhere(isolate.nowMs, (deps) => deleteTweet(deps, author, id))
    expect(linesOf(await isolate.read(author))).toEqual([])
  })
})

describe('of many who read what is about to expire', () => {
  it('one asks', async () => {
    const { reader, author } = await setScene()
    await insertRecentTweets(author, 5)
    const isolate = new Isolate()
    await isolate.read(reader)
    isolate.nowMs += TTL_MS * 0.7
    using database = watchDatabase()
    await Promise.all(Array.from({ length: 12 }, () => isolate.read(reader)))
    expect(database.trips.filter(({ text }) => text.includes(READS_FRESH))).toHaveLength(1)
  })

  it('nobody waits: the others go on with what is known while that one does', async () => {
    const { reader, author } = await setScene()
    const [tweet] = await insertRecentTweets(author, 1)
    const isolate = new Isolate()
    await isolate.read(reader)
    await rows(sql`update tweets set like_count = 9 where id = ${tweet}`)
    isolate.nowMs += TTL_MS * 0.7
    using held = holdDatabase(({ text }) => text.includes(READS_FRESH), 'before')
    const asking = isolate.read(reader)
    await held.reached
    const others = await Promise.all(Array.from({ length: 5 }, () => isolate.read(reader)))
    expect(others.map((page) => [page.degraded, page.tweets[0]?.like_count])).toEqual(
      others.map(() => [null, 0]),
    )
    held.release()
    await asking
    expect((await isolate.read(reader)).tweets[0]?.like_count).toBe(9)
  })
})

describe('a private author’s tweets', () => {
  it('vanish for who may not see them, as retweets of another, and stay for followers and for themselves', async () => {
    const { reader, author } = await setScene()
    const [eve] = await insertPeople(1)
    if (eve === undefined) throw new Error('Nobody')
    const [tweet = 0 as TweetId] = await insertRecentTweets(eve, 1)
    await spread(await act(retweetTweet, author, tweet))
    const [follower] = await insertPeople(1)
    if (follower === undefined) throw new Error('Nobody')
    for (const followee of [author, eve]) await insertFollowers([follower], followee)
    const isolate = new Isolate()
    const all = () =>
      Promise.all([reader, follower, author, eve].map(async (one) => linesOf(await isolate.read(one))))
    const shown = [[tweet, author.id]]
    expect(await all()).toEqual([shown, shown, shown, [[tweet, null]]])
    await elsewhere(isolate.nowMs, (deps) => updateProfile(deps, eve, { id: eve.id }, { is_private: true }))
    isolate.nowMs += TTL_MS
    expect(await all()).toEqual([[], shown, [], [[tweet, null]]])
  })
})
