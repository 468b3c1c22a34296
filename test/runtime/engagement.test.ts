import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { thread } from '../../src/contracts/http/thread.ts'
import { tweetPage, tweet as tweetSchema } from '../../src/contracts/http/tweets.ts'
import { userPage } from '../../src/contracts/http/users.ts'
import { newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { type ApiAnswer, type ApiOptions, api, rows } from './harness.ts'
import { insertPeople, insertPerson, insertRecentTweets, insertTweets, tokenOf } from './people.ts'

const MISSING = Number.MAX_SAFE_INTEGER

const ask = async (who: Viewer | null, method: string, path: string, options: ApiOptions = {}) =>
  api(method, path, who === null ? options : { ...options, token: await tokenOf(who) })

async function scene() {
  const [viewer, author] = await insertPeople(2)
  if (viewer === undefined || author === undefined) throw new Error('Nobody was inserted')
  const [tweet = 0 as TweetId] = await insertRecentTweets(author, 1)
  return { viewer, author, tweet }
}

async function addPoll(author: Viewer, { ended = false } = {}): Promise<TweetId> {
  const [tweet = 0 as TweetId] = await insertRecentTweets(author, 1)
  await rows(sql`
    insert into polls (tweet_id, ends_at)
    values (${tweet}, now() + ${ended ? -1 : 1}::int * interval '1 hour')`)
  await rows(sql`
    insert into poll_options (tweet_id, position, text) values (${tweet}, 0, 'yes'), (${tweet}, 1, 'no')`)
  return tweet
}

async function reply(author: Viewer, replyTo: TweetId): Promise<TweetId> {
  const id = newTweetId(Date.now(), author.id, Math.random)
  await insertTweets([{ id, author, replyTo }])
  return id
}

const tweetAs = async (who: Viewer, id: number) =>
  tweetSchema.parse((await ask(who, 'GET', `/api/tweets/${id}`)).body)
const homeOf = async (who: Viewer) =>
  tweetPage.parse((await ask(who, 'GET', '/api/timeline/home')).body).tweets
const listed = async (who: Viewer | null, path: string) => {
  const answer = await ask(who, 'GET', path)
  expect(answer.status).toBe(200)
  return tweetPage.parse(answer.body)
}
const idsOf = (items: { id: number }[]) => items.map(({ id }) => id)

describe('liking, bookmarking and retweeting', () => {
  it.each([
    [
      'like',
      'is_liked',
      { message: 'Tweet liked', like_count: 1 },
      { message: 'Tweet unliked', like_count: 0 },
    ],
    ['bookmark', 'is_bookmarked', { message: 'Tweet bookmarked' }, { message: 'Bookmark removed' }],
    [
      'retweet',
      'is_retweeted',
      { message: 'Tweet retweeted', retweet_count: 1 },
      { message: 'Retweet removed', retweet_count: 0 },
    ],
  ] as const)('answer their state: %s', async (action, flag, done, undone) => {
    const { viewer, tweet } = await scene()
    const path = `/api/tweets/${tweet}/${action}`
    expect(await ask(viewer, 'POST', path)).toMatchObject({ status: 200, body: { ...done, [flag]: true } })
    expect((await ask(viewer, 'POST', path)).status).toBe(200)
    expect(await tweetAs(viewer, tweet)).toMatchObject({ [flag]: true })
    expect(await ask(viewer, 'DELETE', path)).toMatchObject({
      status: 200,
      body: { message: undone.message, [flag]: false },
    })
    expect((await ask(viewer, 'DELETE', path)).status).toBe(200)
    expect(await tweetAs(viewer, tweet)).toMatchObject({ [flag]: false })
  })

  it.each(['like', 'bookmark', 'retweet'])('need a sign-in and a tweet that is there: %s', async (action) => {
    const { viewer, author, tweet } = await scene()
    for (const method of ['POST', 'DELETE']) {
      expect((await ask(null, method, `/api/tweets/${tweet}/${action}`)).status).toBe(401)
      expect(await ask(viewer, method, `/api/tweets/${MISSING}/${action}`)).toMatchObject({
        status: 404,
        body: { code: 'tweet_not_found' },
      })
      expect((await ask(viewer, method, `/api/tweets/nonsense/${action}`)).status).toBe(400)
    }
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${author.id}, ${viewer.id})`)
    expect((await ask(viewer, 'POST', `/api/tweets/${tweet}/${action}`)).status).toBe(404)
  })

  it('of one’s own tweet shows on the next read of home', async () => {
    const { author, tweet } = await scene()
    expect(idsOf(await homeOf(author))).toEqual([tweet])
    await ask(author, 'POST', `/api/tweets/${tweet}/like`)
    await ask(author, 'POST', `/api/tweets/${tweet}/bookmark`)
    expect((await homeOf(author))[0]).toMatchObject({ id: tweet, is_liked: true, is_bookmarked: true })
    await ask(author, 'DELETE', `/api/tweets/${tweet}/like`)
    expect((await homeOf(author))[0]).toMatchObject({ id: tweet, is_liked: false, is_bookmarked: true })
  })

  it('puts a retweet on one’s home at once, and its end takes it away again', async () => {
    const { viewer, tweet } = await scene()
    expect(await homeOf(viewer)).toEqual([])
    await ask(viewer, 'POST', `/api/tweets/${tweet}/retweet`)
    expect(await homeOf(viewer)).toEqual([
      expect.objectContaining({
        id: tweet,
        is_retweeted: true,
        retweeted_by: expect.objectContaining({ id: viewer.id }),
      }),
    ])
    await ask(viewer, 'DELETE', `/api/tweets/${tweet}/retweet`)
    expect(await homeOf(viewer)).toEqual([])
  })

  it('takes null and a blank text for no comment', async () => {
    const { viewer, tweet } = await scene()
    for (const body of [{}, { comment: null }, { comment: ' \u200b' }]) {
      const answer = await ask(viewer, 'POST', `/api/tweets/${tweet}/retweet`, { body })
      expect(answer).toMatchObject({ status: 200, body: { is_retweeted: true } })
    }
  })

  it('is forbidden to retweet another’s private tweet that one may read', async () => {
    const { viewer, author, tweet } = await scene()
    await rows(sql`insert into follows (follower_id, following_id) values (${viewer.id}, ${author.id})`)
    await rows(sql`update users set is_private = true where id = ${author.id}`)
    expect(await ask(viewer, 'POST', `/api/tweets/${tweet}/retweet`)).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    })
    expect((await ask(viewer, 'POST', `/api/tweets/${tweet}/like`)).status).toBe(200)
  })

  it('is over for the day after 1,000 likes', async () => {
    const { viewer, tweet } = await scene()
    await rows(sql`
      insert into quota_windows (user_id, quota, uses)
      select ${viewer.id}::bigint, 'likes', array_agg(now() - n * interval '1 minute')
      from generate_series(1, 1000) n`)
    const answer = await ask(viewer, 'POST', `/api/tweets/${tweet}/like`)
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('a retweet with a comment', () => {
  it('is a quote tweet, as often as one likes, which undoing a retweet leaves', async () => {
    const { viewer, tweet } = await scene()
    const path = `/api/tweets/${tweet}/retweet`
    const quotes: number[] = []
    for (const comment of ['first', 'second']) {
      const answer = await ask(viewer, 'POST', path, { body: { comment } })
      expect(answer).toMatchObject({ status: 201, body: { content: comment, quote_tweet: { id: tweet } } })
      quotes.push(tweetSchema.parse(answer.body).id)
    }
    expect((await ask(viewer, 'DELETE', path)).status).toBe(200)
    expect(await tweetAs(viewer, tweet)).toMatchObject({ is_retweeted: false })
    expect(idsOf((await listed(viewer, `/api/tweets/${tweet}/quotes`)).tweets)).toEqual(quotes.reverse())
  })

  it('is one for the same Idempotency-Key', async () => {
    const { viewer, tweet } = await scene()
    const once = () =>
      ask(viewer, 'POST', `/api/tweets/${tweet}/retweet`, {
        body: { comment: 'once' },
        headers: { 'idempotency-key': 'k1' },
      })
    const [first, second] = [await once(), await once()]
    expect([first.status, second.status]).toEqual([201, 201])
    expect(tweetSchema.parse(second.body).id).toBe(tweetSchema.parse(first.body).id)
  })

  it.each([
    [{ comment: 'x'.repeat(281) }, 400],
    [{ comment: 7 }, 400],
    ['{', 400],
  ])('is refused: %j', async (body, status) => {
    const { viewer, tweet } = await scene()
    expect((await ask(viewer, 'POST', `/api/tweets/${tweet}/retweet`, { body })).status).toBe(status)
    expect((await listed(viewer, `/api/tweets/${tweet}/quotes`)).tweets).toEqual([])
  })
})

describe('voting', () => {
  const vote = (who: Viewer | null, tweet: number, choices: unknown): Promise<ApiAnswer> =>
    ask(who, 'POST', `/api/tweets/${tweet}/poll/votes`, { body: { choices } })

  it('answers the poll, once; again the same, for another option 409', async () => {
    const { viewer, author } = await scene()
    const tweet = await addPoll(author)
    const voted = { id: tweet, total_votes: 1, voted: [1], is_closed: false }
    expect(await vote(viewer, tweet, [1])).toMatchObject({ status: 200, body: voted })
    expect(await vote(viewer, tweet, [1])).toMatchObject({ status: 200, body: { voted: [1] } })
    expect(await vote(viewer, tweet, [0])).toMatchObject({ status: 409, body: { code: 'already_voted' } })
    expect((await tweetAs(viewer, tweet)).poll).toMatchObject({ voted: [1] })
  })

  it('after the end is 409', async () => {
    const { viewer, author } = await scene()
    const tweet = await addPoll(author, { ended: true })
    expect(await vote(viewer, tweet, [0])).toMatchObject({ status: 409, body: { code: 'poll_closed' } })
  })

  it.each([[[]], [[0, 1]], [[2]], [[4]], [[-1]], [[0.5]], [['0']], [0], [null], [undefined]])(
    'takes exactly one option that is there: %j',
    async (choices) => {
      const { viewer, author } = await scene()
      const tweet = await addPoll(author)
      expect(await vote(viewer, tweet, choices)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed' },
      })
    },
  )

  it('needs a sign-in, a tweet that is there, and a poll in it', async () => {
    const { viewer, tweet } = await scene()
    expect((await vote(null, tweet, [0])).status).toBe(401)
    expect(await vote(viewer, tweet, [0])).toMatchObject({ status: 404, body: { code: 'poll_not_found' } })
    expect(await vote(viewer, MISSING, [0])).toMatchObject({ status: 404, body: { code: 'tweet_not_found' } })
  })
})

describe('one’s own lists', () => {
  it.each([
    ['like', '/api/timeline/likes'],
    ['bookmark', '/api/bookmarks'],
  ])('hold what one did, page by page, and nobody else’s: %s', async (action, path) => {
    const { viewer, author } = await scene()
    const tweets = await insertRecentTweets(author, 3)
    for (const tweet of tweets) await ask(viewer, 'POST', `/api/tweets/${tweet}/${action}`)
    const first = await listed(viewer, `${path}?limit=2`)
    const second = await listed(viewer, `${path}?limit=2&cursor=${first.pagination.next_cursor}`)
    expect(idsOf([...first.tweets, ...second.tweets])).toEqual([...tweets].reverse())
    expect(second.pagination).toMatchObject({ has_more: false, next_cursor: null })
    expect((await listed(author, path)).tweets).toEqual([])
    expect((await ask(null, 'GET', path)).status).toBe(401)
    expect((await ask(viewer, 'GET', `${path}?cursor=nonsense`)).status).toBe(400)
    expect((await ask(viewer, 'GET', `${path}?offset=10001`)).status).toBe(400)
  })

  it('hold what mentions one', async () => {
    const { viewer, author, tweet } = await scene()
    await rows(sql`insert into tweet_mentions (tweet_id, user_id) values (${tweet}, ${viewer.id})`)
    expect(idsOf((await listed(viewer, '/api/timeline/mentions')).tweets)).toEqual([tweet])
    expect((await listed(author, '/api/timeline/mentions')).tweets).toEqual([])
    expect((await ask(null, 'GET', '/api/timeline/mentions')).status).toBe(401)
  })
})

describe('the lists of a tweet', () => {
  it.each(['likes', 'retweets'])('say who: %s', async (kind) => {
    const { viewer, tweet } = await scene()
    await ask(viewer, 'POST', `/api/tweets/${tweet}/${kind.slice(0, -1)}`)
    const path = `/api/tweets/${tweet}/${kind}`
    const { users } = userPage.parse((await ask(null, 'GET', path)).body)
    expect(users).toEqual([expect.objectContaining({ id: viewer.id })])
    expect(users[0]).not.toHaveProperty('relationship')
    const signedIn = userPage.parse((await ask(await insertPerson(), 'GET', path)).body).users
    expect(signedIn[0]).toHaveProperty('relationship')
  })

  it.each(['likes', 'retweets', 'replies', 'quotes', 'thread'])(
    'are not there for a tweet that is not: %s',
    async (kind) => {
      const path = `/api/tweets/${MISSING}/${kind}`
      expect(await ask(null, 'GET', path)).toMatchObject({ status: 404, body: { code: 'tweet_not_found' } })
      const { tweet } = await scene()
      expect((await ask(null, 'GET', `/api/tweets/${tweet}/${kind}?cursor=x`)).status).toBe(400)
      expect((await ask(null, 'GET', `/api/tweets/${tweet}/${kind}?limit=0`)).status).toBe(400)
    },
  )

  it('hold the replies, newest first', async () => {
    const { viewer, tweet } = await scene()
    const answers = [await reply(viewer, tweet), await reply(viewer, tweet)].sort((a, b) => b - a)
    expect(idsOf((await listed(null, `/api/tweets/${tweet}/replies`)).tweets)).toEqual(answers)
  })
})

describe('a thread', () => {
  const read = async (id: number, query = '') => {
    const answer = await ask(null, 'GET', `/api/tweets/${id}/thread${query}`)
    expect(answer.status).toBe(200)
    return z.strictObject(thread.shape).parse(answer.body)
  }

  it('has its ancestors, a page of replies, and cursors that lead on below them', async () => {
    const { viewer, tweet: root } = await scene()
    const middle = await reply(viewer, root)
    const answers: TweetId[] = []
    for (let n = 0; n < 3; n++) answers.push(await reply(viewer, middle))
    answers.sort((a, b) => a - b)
    const below: TweetId[] = []
    for (let n = 0; n < 5; n++) below.push(await reply(viewer, answers[0] ?? root))
    below.sort((a, b) => a - b)
    await rows(sql`update tweets set is_deleted = true where id = ${root}`)

    const page = await read(middle, '?limit=2')
    expect(page.ancestors).toEqual([{ id: root, unavailable: true }])
    expect(page.tweet.id).toBe(middle)
    expect(page.replies.map(({ tweet }) => tweet.id)).toEqual(answers.slice(0, 2))
    expect(page.replies[0]?.replies.map(({ tweet }) => tweet.id)).toEqual(below.slice(0, 3))
    expect(page.replies[1]).toMatchObject({ replies: [], next_cursor: null })

    const rest = await read(answers[0] ?? root, `?cursor=${page.replies[0]?.next_cursor}`)
    expect(rest.replies.map(({ tweet }) => tweet.id)).toEqual(below.slice(3))
    const upper = await read(middle)
    const leaf = upper.replies[0]?.replies[0]
    expect(leaf).toMatchObject({ replies: [], next_cursor: null })
    const nested = await reply(viewer, below[0] ?? root)
    const cursor = (await read(middle)).replies[0]?.replies[0]?.next_cursor
    const deeper = await read(below[0] ?? root, `?cursor=${cursor}`)
    expect(deeper.replies.map(({ tweet }) => tweet.id)).toEqual([nested])

    const next = await read(middle, `?limit=2&cursor=${page.pagination.next_cursor}`)
    expect(next.replies.map(({ tweet }) => tweet.id)).toEqual(answers.slice(2))
    expect(next.pagination).toMatchObject({ has_more: false, next_cursor: null })
  })
})
