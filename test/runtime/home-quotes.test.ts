import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { MAX_ID, type TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, post, remove, spread } from './consumers.ts'
import { rows } from './harness.ts'
import { readHome, warmAbove } from './homes.ts'
import { insertFollowers, insertPeople } from './people.ts'

interface Scene {
  reader: Viewer
  /** Whom the reader follows, and who quotes somebody. */
  author: Viewer
  quotedAuthor: Viewer
  quoted: TweetId
  quoting: TweetId
}

async function setScene(): Promise<Scene> {
  const [reader, author, quotedAuthor] = await insertPeople(3)
  if (!reader || !author || !quotedAuthor) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  await readHome(reader)
  const { id: quoted } = await post(quotedAuthor, 'Quoted')
  const { id: quoting, outbox } = await post(author, 'See', {}, { quoteTweetId: quoted })
  await spread(outbox)
  return { reader, author, quotedAuthor, quoted, quoting }
}

async function quoteOf({ reader, quoting }: Scene, replaced: Partial<Deps> = {}) {
  const { tweets } = await readHome(reader, {}, replaced)
  return tweets.find(({ id }) => id === quoting)?.quote_tweet
}

const CHANGES: Record<
  string,
  { change: (scene: Scene) => Promise<unknown>; becomes: (scene: Scene) => object }
> = {
  'is deleted': {
    change: ({ quotedAuthor, quoted }) => remove(quotedAuthor, quoted),
    becomes: ({ quoted }) => ({ id: quoted, unavailable: true }),
  },
  'goes private': {
    change: ({ quotedAuthor }) => rows(sql`update users set is_private = true where id = ${quotedAuthor.id}`),
    becomes: ({ quoted }) => ({ id: quoted, unavailable: true }),
  },
  'is suspended': {
    change: ({ quotedAuthor }) =>
      rows(sql`update users set suspended_at = now() where id = ${quotedAuthor.id}`),
    becomes: ({ quoted }) => ({ id: quoted, unavailable: true }),
  },
  'is edited': {
    change: ({ quotedAuthor, quoted }) =>
      act((deps, viewer, id) => editTweet(deps, viewer, { id, content: 'Anew' }), quotedAuthor, quoted),
    becomes: ({ quoted }) => ({ id: quoted, content: 'Anew', quote_tweet: null }),
  },
  'gets another name': {
    change: ({ quotedAuthor }) =>
      rows(
        sql`update users set display_name = 'Renamed', revision = revision + 1 where id = ${quotedAuthor.id}`,
      ),
    becomes: ({ quoted, quotedAuthor }) => ({
      id: quoted,
      user: { id: quotedAuthor.id, display_name: 'Renamed' },
    }),
  },
}

describe('a quoted tweet', () => {
  it('stands in the tweet that quotes it', async () => {
    const scene = await setScene()
    expect(await quoteOf(scene)).toMatchObject({ id: scene.quoted, content: 'Quoted', quote_tweet: null })
  })

  it.each(Object.entries(CHANGES))(
    'that %s is shown as it is as soon as what was cached expires',
    async (_name, one) => {
      const scene = await setScene()
      let nowMs = Date.now()
      const isolate = { freshness: new FreshnessCache(15_000), now: () => nowMs }
      expect(await quoteOf(scene, isolate)).toMatchObject({ content: 'Quoted' })
      await one.change(scene)
      // Within that time it may still be what it was; after it, never.
      nowMs += 15_001
      expect(await quoteOf(scene, isolate)).toMatchObject(one.becomes(scene))
      // The object has taken the new card over: an isolate that knows nothing asks for counts alone.
      expect(await quoteOf(scene)).toMatchObject(one.becomes(scene))
    },
  )

  it('comes back when its author is public again', async () => {
    const scene = await setScene()
    const setPrivate = (is: boolean) =>
      rows(sql`update users set is_private = ${is} where id = ${scene.quotedAuthor.id}`)
    await setPrivate(true)
    expect(await quoteOf(scene)).toEqual({ id: scene.quoted, unavailable: true })
    await setPrivate(false)
    expect(await quoteOf(scene)).toMatchObject({ content: 'Quoted' })
  })

  it('travels as a stub when its author is private, even to a follower', async () => {
    const [reader, author] = await insertPeople(2)
    if (!reader || !author) throw new Error('Nobody was inserted')
    await insertFollowers([reader], author)
    await readHome(reader)
    await rows(sql`update users set is_private = true where id = ${author.id}`)
    const { id: quoted } = await post(author, 'Mine')
    const { id: quoting, outbox } = await post(author, 'See', {}, { quoteTweetId: quoted })
    await spread(outbox)
    const { tweets } = await readHome(reader)
    const found = tweets.find(({ id }) => id === quoting)
    expect(found?.quote_tweet).toEqual({ id: quoted, unavailable: true })
  })

  it.each([
    ['reader blocks', 'in the object', 0],
    ['reader blocks', 'in Postgres alone', MAX_ID - 1],
    ['author blocks', 'in the object', 0],
    ['author blocks', 'in Postgres alone', MAX_ID - 1],
  ])('is hidden where its %s the other: %s', async (who, _where, floor) => {
    const [reader, author, quotedAuthor] = await insertPeople(3)
    if (!reader || !author || !quotedAuthor) throw new Error('Nobody was inserted')
    await insertFollowers([reader], author)
    const pair = who === 'reader blocks' ? [reader.id, quotedAuthor.id] : [quotedAuthor.id, reader.id]
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${pair[0]}, ${pair[1]})`)
    const { id: quoted } = await post(quotedAuthor)
    const { id: quoting } = await post(author, 'See', {}, { quoteTweetId: quoted })
    await warmAbove(reader, floor)
    // The first page makes the cards that the object lacks, the second has them from it.
    for (const _page of [1, 2]) {
      const { tweets } = await readHome(reader)
      expect(tweets).toMatchObject([{ id: quoting, quote_tweet: { id: quoted, unavailable: true } }])
    }
  })

  it('is hidden where its author blocks, when it has come back from being private', async () => {
    const { reader, quotedAuthor, quoting, quoted } = await setScene()
    const setPrivate = (is: boolean) =>
      rows(sql`update users set is_private = ${is} where id = ${quotedAuthor.id}`)
    await setPrivate(true)
    await readHome(reader)
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${quotedAuthor.id}, ${reader.id})`)
    await setPrivate(false)
    const { tweets } = await readHome(reader)
    expect(tweets).toMatchObject([{ id: quoting, quote_tweet: { id: quoted, unavailable: true } }])
  })

  it('has its counts as fresh as those of the tweet that quotes it', async () => {
    const scene = await setScene()
    await rows(sql`update tweets set like_count = 7 where id in (${scene.quoted}, ${scene.quoting})`)
    const { tweets } = await readHome(scene.reader)
    expect(tweets[0]).toMatchObject({ like_count: 7, quote_tweet: { like_count: 7 } })
  })
})

describe('a poll on home', () => {
  async function withPoll() {
    const [reader, author] = await insertPeople(2)
    if (!reader || !author) throw new Error('Nobody was inserted')
    await insertFollowers([reader], author)
    await readHome(reader)
    const poll = { options: ['yes', 'no', 'maybe'], durationMinutes: 5 }
    const { id, outbox } = await post(author, 'Well?', {}, { poll })
    await spread(outbox)
    return { reader, author, tweet: id }
  }

  it('has the votes as they are counted now', async () => {
    const { reader, tweet } = await withPoll()
    await rows(sql`update poll_options set vote_count = position + 1 where tweet_id = ${tweet}`)
    const [shown] = (await readHome(reader)).tweets
    expect(shown?.poll).toMatchObject({
      id: tweet,
      total_votes: 6,
      options: [
        { position: 0, text: 'yes', vote_count: 1 },
        { position: 1, text: 'no', vote_count: 2 },
        { position: 2, text: 'maybe', vote_count: 3 },
      ],
    })
  })

  it('closes at its time, with nothing told', async () => {
    const { reader } = await withPoll()
    const isClosedAfter = async (minutes: number) => {
      const { tweets } = await readHome(reader, {}, { now: () => Date.now() + minutes * 60_000 })
      return tweets[0]?.poll?.is_closed
    }
    expect([await isClosedAfter(4), await isClosedAfter(5.1)]).toEqual([false, true])
  })

  it('of a quoted tweet is shown within it', async () => {
    const { reader, author, tweet } = await withPoll()
    const { outbox } = await post(author, 'See', {}, { quoteTweetId: tweet })
    await spread(outbox)
    await rows(sql`update poll_options set vote_count = 2 where tweet_id = ${tweet} and position = 1`)
    const [quoting] = (await readHome(reader)).tweets
    expect(quoting).toMatchObject({ poll: null, quote_tweet: { poll: { total_votes: 2 } } })
  })
})
