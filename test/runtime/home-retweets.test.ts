import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EntryId, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { act, post, remove, spread } from './consumers.ts'
import { rows } from './harness.ts'
import { type Line, linesOf, readHome, scrollHome, warmAbove } from './homes.ts'
import { insertFollowers, insertPeople, insertRetweets, insertTweets, type RetweetRow } from './people.ts'

const HOUR_MS = 3_600_000

interface Scene {
  reader: Viewer
  /** Whom the reader follows; of Cat they do not want the retweets. */
  ann: Viewer
  bob: Viewer
  cat: Viewer
  /** Whom the reader does not follow. */
  eve: Viewer
}

async function setScene(): Promise<Scene> {
  const [reader, ann, bob, cat, eve] = await insertPeople(5)
  if (!reader || !ann || !bob || !cat || !eve) throw new Error('Nobody was inserted')
  for (const followee of [ann, bob, cat]) await insertFollowers([reader], followee)
  await rows(sql`update follows set show_retweets = false
                 where follower_id = ${reader.id} and following_id = ${cat.id}`)
  return { reader, ann, bob, cat, eve }
}

/** The id of what somebody does at the n-th second of a scene. */
const idAt = (n: number, by: Viewer) => newTweetId(Date.now() - HOUR_MS + n * 1000, by.id, Math.random)

describe('a tweet that two followees retweet', () => {
  async function retweeted() {
    const scene = await setScene()
    const { reader, ann, bob } = scene
    const tweet = idAt(1, ann)
    const other = idAt(2, bob)
    await insertTweets([
      { id: tweet, author: ann },
      { id: other, author: bob },
    ])
    return { ...scene, reader, tweet, other }
  }

  it.each([
    ['in the object', 0],
    ['in Postgres alone', Number.MAX_SAFE_INTEGER - 1],
  ])('stands once, %s, at the newest retweet there is', async (_name, floor) => {
    const { reader, ann, bob, tweet, other } = await retweeted()
    await insertRetweets([
      { id: idAt(3, bob) as number as EntryId, by: bob, tweet },
      { id: idAt(4, ann) as number as EntryId, by: ann, tweet },
    ])
    await warmAbove(reader, floor)
    expect(linesOf(await readHome(reader))).toEqual([
      [tweet, ann.id],
      [other, null],
    ])
    await spread(await act(undoRetweet, ann, tweet))
    expect(linesOf(await readHome(reader))).toEqual([
      [tweet, bob.id],
      [other, null],
    ])
    await spread(await act(undoRetweet, bob, tweet))
    expect(linesOf(await readHome(reader))).toEqual([
      [other, null],
      [tweet, null],
    ])
  })

  it('goes everywhere when it is deleted', async () => {
    const { reader, ann, bob, tweet, other } = await retweeted()
    await readHome(reader)
    await spread([...(await act(retweetTweet, bob, tweet)), ...(await act(retweetTweet, ann, tweet))])
    expect(linesOf(await readHome(reader))[0]).toEqual([tweet, ann.id])
    await spread(await remove(ann, tweet))
    expect(linesOf(await readHome(reader))).toEqual([[other, null]])
  })

  it('is told with its retweeter as they are called now', async () => {
    const { reader, bob, tweet } = await retweeted()
    await readHome(reader)
    await spread(await act(retweetTweet, bob, tweet))
    await rows(sql`update users set display_name = 'Robert', revision = revision + 1 where id = ${bob.id}`)
    expect((await readHome(reader)).tweets[0]?.retweeted_by).toMatchObject({ display_name: 'Robert' })
  })
})

describe('one’s own retweet', () => {
  it('is on one’s next page, undone is gone from it, and a repeat changes nothing', async () => {
    const { reader, eve } = await setScene()
    const { id } = await post(eve)
    expect(linesOf(await readHome(reader))).toEqual([])
    await act(retweetTweet, reader, id)
    await act(retweetTweet, reader, id)
    const home = await readHome(reader)
    expect(linesOf(home)).toEqual([[id, reader.id]])
    expect(home.tweets[0]).toMatchObject({ is_retweeted: true })
    await act(undoRetweet, reader, id)
    expect(linesOf(await readHome(reader))).toEqual([])
  })
})

/** Something that somebody of a scene does at a second of its own. */
interface Act {
  what: 'tweet' | 'retweet'
  by: 'reader' | 'ann' | 'bob' | 'cat' | 'eve'
  /** Which of the tweets before is retweeted. */
  which: number
}

const acts = fc.array(
  fc.record({
    what: fc.constantFrom<Act['what']>('tweet', 'retweet', 'retweet'),
    by: fc.constantFrom<Act['by']>('reader', 'ann', 'ann', 'bob', 'bob', 'cat', 'eve', 'eve'),
    which: fc.nat(30),
  }),
  { minLength: 12, maxLength: 40, size: 'max' },
)

interface History {
  tweets: { id: TweetId; author: Viewer }[]
  retweets: RetweetRow[]
}

function historyOf(scene: Scene, done: readonly Act[], fromSecond = 0): History {
  const tweets: History['tweets'] = []
  const retweets: RetweetRow[] = []
  for (const [n, { what, by, which }] of done.entries()) {
    const person = scene[by]
    const id = idAt(fromSecond + n, person)
    const target = tweets[which % Math.max(1, tweets.length)]
    if (what === 'tweet' || target === undefined) tweets.push({ id, author: person })
    else if (!retweets.some((one) => one.by.id === person.id && one.tweet === target.id))
      retweets.push({ id: id as number as EntryId, by: person, tweet: target.id })
  }
  return { tweets, retweets }
}

/** What the reader is to see of a history, put simply: of each tweet the newest entry of somebody they hear. */
function expectedOf({ reader, ann, bob, cat }: Scene, { tweets, retweets }: History): Line[] {
  const hears = (authors: Viewer[], { id }: Viewer) => authors.some((author) => author.id === id)
  const entries: { id: number; line: Line }[] = [
    ...tweets.flatMap(({ id, author }) =>
      hears([reader, ann, bob, cat], author) ? [{ id, line: [id, null] as const }] : [],
    ),
    ...retweets.flatMap(({ id, by, tweet }) =>
      hears([reader, ann, bob], by) ? [{ id, line: [tweet, by.id] as const }] : [],
    ),
  ]
  const newestFirst = entries.sort((a, b) => b.id - a.id).map(({ line }) => line)
  return newestFirst.filter(([tweet], index) => newestFirst.findIndex(([other]) => other === tweet) === index)
}

describe('a scroll from the object into Postgres', () => {
  it('shows each tweet once and loses none, while retweets arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        acts,
        fc.integer({ min: 1, max: 7 }),
        fc.double({ min: 0, max: 1.05, noNaN: true }),
        fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }),
        async (done, limit, keptFrom, meanwhile) => {
          const scene = await setScene()
          const history = historyOf(scene, done)
          await insertTweets(history.tweets)
          await insertRetweets(history.retweets)
          await warmAbove(scene.reader, idAt(done.length * keptFrom, scene.reader))
          const expected = expectedOf(scene, history)

          const retweeted = async (page: number) => {
            const target = history.tweets[(meanwhile[page - 1] ?? 0) % Math.max(1, history.tweets.length)]
            if (page > meanwhile.length || target === undefined) return
            await spread(await act(retweetTweet, page % 2 === 0 ? scene.ann : scene.bob, target.id))
          }
          expect(await scrollHome(scene.reader, limit, retweeted)).toEqual(expected)
        },
      ),
      { numRuns: 30 },
    )
  }, 120_000)

  it('goes on by offset below what the object keeps', async () => {
    const scene = await setScene()
    const history = historyOf(
      scene,
      Array.from({ length: 10 }, (_, which) => ({ what: 'tweet', by: 'ann', which })),
    )
    await insertTweets(history.tweets)
    await warmAbove(scene.reader, history.tweets[6]?.id ?? 0)
    const newestFirst = history.tweets.map(({ id }) => id).reverse()
    for (const offset of [0, 2, 4, 6, 9]) {
      const { tweets } = await readHome(scene.reader, { offset, limit: 3 })
      expect(tweets.map(({ id }) => id)).toEqual(newestFirst.slice(offset, offset + 3))
    }
  })
})
