import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { TweetId } from '../../src/domain/ids.ts'
import { bookmarkTweet, removeBookmark } from '../../src/services/bookmark-tweet.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { likeTweet, unlikeTweet } from '../../src/services/like-tweet.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { voteInPoll } from '../../src/services/vote-in-poll.ts'
import { act, fanOutBodies, post, postAndDeliver, runFanOut, spread } from './consumers.ts'
import { timelineWith } from './fake-timeline.ts'
import { rows } from './harness.ts'
import { type HomeTweet, readHome } from './homes.ts'
import { insertFollowers, insertPeople, timelineOf } from './people.ts'

const POLL = { poll: { options: ['yes', 'no'], durationMinutes: 60 } }

async function setScene() {
  const [reader, author, stranger] = await insertPeople(3)
  if (!reader || !author || !stranger) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  await readHome(reader)
  return { reader, author, stranger, tweet: await postAndDeliver(author) }
}

async function shownTo(reader: Viewer, tweet: TweetId): Promise<HomeTweet | undefined> {
  return (await readHome(reader)).tweets.find(({ id }) => id === tweet)
}

/** The reader's object is not there for what the request tells it. */
const unheard = (reader: Viewer): Partial<Deps> => {
  const timeline = timelineOf(reader)
  return {
    timeline: () => timelineWith(timeline, { apply: async () => ({ ok: false, code: 'unavailable' }) }),
  }
}

const ACTS = [
  ['a like', likeTweet, unlikeTweet, 'is_liked'],
  ['a retweet', retweetTweet, undoRetweet, 'is_retweeted'],
  ['a bookmark', bookmarkTweet, removeBookmark, 'is_bookmarked'],
] as const

describe.each(ACTS)('%s', (_name, doIt, takeItBack, flag) => {
  it('shows on the next page, and so does taking it back', async () => {
    const { reader, tweet } = await setScene()
    await act(doIt, reader, tweet)
    expect(await shownTo(reader, tweet)).toMatchObject({ [flag]: true })
    await act(takeItBack, reader, tweet)
    expect(await shownTo(reader, tweet)).toMatchObject({ [flag]: false })
  })

  it('is set right by the outbox when the object was not told, in whatever order that comes', async () => {
    const { reader, tweet } = await setScene()
    const done = await act(doIt, reader, tweet, unheard(reader))
    expect(await shownTo(reader, tweet)).toMatchObject({ [flag]: false })
    await spread(done)
    expect(await shownTo(reader, tweet)).toMatchObject({ [flag]: true })
    const undone = await act(takeItBack, reader, tweet, unheard(reader))
    const again = await act(doIt, reader, tweet, unheard(reader))
    const last = await act(takeItBack, reader, tweet, unheard(reader))
    await spread([...last, ...again, ...undone])
    expect(await shownTo(reader, tweet)).toMatchObject({ [flag]: false })
  })

  it('that is told twice at once is as one', async () => {
    const { reader, tweet } = await setScene()
    const bodies = fanOutBodies(await act(doIt, reader, tweet, unheard(reader)))
    await Promise.all([runFanOut(bodies), runFanOut(bodies), runFanOut(bodies.toReversed())])
    expect(await shownTo(reader, tweet)).toMatchObject({ [flag]: true })
    expect((await readHome(reader)).tweets).toHaveLength(1)
  })
})

describe('a vote', () => {
  it('shows on home once the outbox has told', async () => {
    const { reader, author } = await setScene()
    const { id, outbox } = await post(author, 'Well?', {}, POLL)
    await spread(outbox)
    expect((await shownTo(reader, id))?.poll).toMatchObject({ voted: [], is_closed: false })
    await spread(await act((deps, viewer, tweet) => voteInPoll(deps, viewer, tweet, 1), reader, id))
    expect((await shownTo(reader, id))?.poll).toMatchObject({ voted: [1] })
  })
})

describe('what one did before', () => {
  /** Liked before the timeline was built, when it was not on it. */
  async function likedLongAgo() {
    const [reader, author, stranger] = await insertPeople(3)
    if (!reader || !author || !stranger) throw new Error('Nobody was inserted')
    await insertFollowers([reader], author)
    const { id } = await post(stranger)
    await rows(sql`insert into likes (user_id, tweet_id) values (${reader.id}, ${id})`)
    return { reader, author, tweet: id }
  }

  it('shows on a tweet that comes later as somebody’s retweet', async () => {
    const { reader, author, tweet } = await likedLongAgo()
    await readHome(reader)
    await spread(await act(retweetTweet, author, tweet))
    expect(await shownTo(reader, tweet)).toMatchObject({ is_liked: true, retweeted_by: { id: author.id } })
  })

  it('shows on a tweet that is quoted later', async () => {
    const { reader, author, tweet } = await likedLongAgo()
    await readHome(reader)
    const { id, outbox } = await post(author, 'See', {}, { quoteTweetId: tweet })
    await spread(outbox)
    expect(await shownTo(reader, id)).toMatchObject({
      is_liked: false,
      quote_tweet: { id: tweet, is_liked: true },
    })
  })

  it('shows after a build, on retweeted and on quoted tweets', async () => {
    const { reader, author, tweet } = await likedLongAgo()
    await act(retweetTweet, author, tweet)
    const { id } = await post(author, 'See', {}, { quoteTweetId: tweet })
    expect(await shownTo(reader, tweet)).toMatchObject({ is_liked: true })
    expect(await shownTo(reader, id)).toMatchObject({ quote_tweet: { is_liked: true } })
  })

  it('to a quoted tweet shows on the next page', async () => {
    const { reader, author, stranger } = await setScene()
    const quoted = await post(stranger)
    const { id, outbox } = await post(author, 'See', {}, { quoteTweetId: quoted.id })
    await spread(outbox)
    await act(likeTweet, reader, quoted.id)
    expect(await shownTo(reader, id)).toMatchObject({ is_liked: false, quote_tweet: { is_liked: true } })
  })
})
