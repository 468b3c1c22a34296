import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { tweet as tweetShape, versionPage } from '../../src/contracts/http/tweets.ts'
import { newTweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { type ApiAnswer, api, rows } from './harness.ts'
import { insertFollowers, insertPeople, insertPerson, insertTweetsAt, tokenOf } from './people.ts'

type Posted = ReturnType<typeof tweetShape.parse>

async function ask(viewer: Viewer | null, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  const token = viewer === null ? {} : { token: await tokenOf(viewer) }
  return api(method, path, { ...token, ...(body === undefined ? {} : { body }) })
}

async function post(viewer: Viewer, body: object, path = '/api/tweets'): Promise<Posted> {
  const answer = await ask(viewer, 'POST', path, body)
  if (answer.status !== 201) throw new Error(`Not posted: ${JSON.stringify(answer.body)}`)
  return tweetShape.parse(answer.body)
}

const problem = (status: number, code: string, path?: string) => ({
  status,
  body: { code, ...(path === undefined ? {} : { errors: [{ path }] }) },
})

async function block(blocker: Viewer, blocked: Viewer): Promise<void> {
  await rows(sql`insert into blocks (blocker_id, blocked_id) values (${blocker.id}, ${blocked.id})`)
}

async function makePrivate({ id }: Viewer): Promise<void> {
  await rows(sql`update users set is_private = true where id = ${id}`)
}

describe('a reply', () => {
  it('is posted by both paths, and shows what it answers', async () => {
    const [ann, bob] = (await insertPeople(2)) as [Viewer, Viewer]
    const root = await post(ann, { content: 'the beginning' })
    const first = await post(bob, { content: 'one way', reply_to_id: root.id })
    const second = await post(bob, { content: 'the other' }, `/api/tweets/${root.id}/reply`)
    const expected = { reply_to_id: root.id, conversation_id: root.id }
    expect([first, second]).toMatchObject([expected, expected])
    expect((await ask(null, 'GET', `/api/tweets/${second.id}`)).body).toMatchObject(expected)
  })

  it('stands on its author’s home at once', async () => {
    const [ann, bob] = (await insertPeople(2)) as [Viewer, Viewer]
    const root = await post(ann, { content: 'the beginning' })
    await ask(bob, 'GET', '/api/timeline/home')
    const reply = await post(bob, { content: 'a reply', reply_to_id: root.id })
    expect((await ask(bob, 'GET', '/api/timeline/home')).body).toMatchObject({ tweets: [{ id: reply.id }] })
  })

  it('must agree with its path', async () => {
    const ann = await insertPerson()
    const [one, other] = [await post(ann, { content: 'one' }), await post(ann, { content: 'other' })]
    const path = `/api/tweets/${one.id}/reply`
    expect(await ask(ann, 'POST', path, { content: 'x', reply_to_id: other.id })).toMatchObject(
      problem(400, 'validation_failed', 'json.reply_to_id'),
    )
    await post(ann, { content: 'x', reply_to_id: one.id }, path)
    await post(ann, { content: 'x', reply_to_id: null }, path)
  })

  it('to what is deleted, private, or somebody’s who blocks one, is refused', async () => {
    const [ann, bob, shy, foe] = (await insertPeople(4)) as [Viewer, Viewer, Viewer, Viewer]
    const [gone, hidden, blocked] = [
      await post(ann, { content: 'gone' }),
      await post(shy, { content: 'hidden' }),
      await post(foe, { content: 'blocked' }),
    ]
    await ask(ann, 'DELETE', `/api/tweets/${gone.id}`)
    await makePrivate(shy)
    await block(foe, bob)
    const reply = (id: number) => ask(bob, 'POST', '/api/tweets', { content: 'x', reply_to_id: id })
    expect(await reply(gone.id)).toMatchObject(problem(404, 'tweet_not_found', 'json.reply_to_id'))
    expect(await reply(hidden.id)).toMatchObject(problem(404, 'tweet_not_found', 'json.reply_to_id'))
    expect(await reply(blocked.id)).toMatchObject(problem(403, 'blocked', 'json.reply_to_id'))
    const quote = (id: number) => ask(bob, 'POST', '/api/tweets', { content: 'x', quote_tweet_id: id })
    expect(await quote(gone.id)).toMatchObject(problem(404, 'tweet_not_found', 'json.quote_tweet_id'))
    expect(await quote(hidden.id)).toMatchObject(problem(404, 'tweet_not_found', 'json.quote_tweet_id'))
    expect(await quote(blocked.id)).toMatchObject(problem(403, 'blocked', 'json.quote_tweet_id'))
    expect(await rows(sql`select from tweets where user_id = ${bob.id}`)).toEqual([])
  })

  it('is left standing when its parent is deleted', async () => {
    const [ann, bob] = (await insertPeople(2)) as [Viewer, Viewer]
    const root = await post(ann, { content: 'the beginning' })
    const reply = await post(bob, { content: 'a reply', reply_to_id: root.id })
    expect((await ask(ann, 'DELETE', `/api/tweets/${root.id}`)).status).toBe(204)
    expect((await ask(null, 'GET', `/api/tweets/${reply.id}`)).body).toMatchObject({ reply_to_id: root.id })
  })
})

describe('a quote', () => {
  it('shows what it quotes to each reader as far as they may see it', async () => {
    const [ann, bob, foe, friend] = (await insertPeople(4)) as [Viewer, Viewer, Viewer, Viewer]
    const quoted = await post(ann, { content: 'worth quoting' })
    const quote = await post(bob, { content: '', quote_tweet_id: quoted.id })
    expect(quote).toMatchObject({
      content: '',
      quote_tweet: { id: quoted.id, content: 'worth quoting', user: { id: ann.id }, quote_tweet: null },
    })
    const stub = { id: quoted.id, unavailable: true }
    const seenBy = async (viewer: Viewer | null) => {
      const { body } = await ask(viewer, 'GET', `/api/tweets/${quote.id}`)
      return tweetShape.parse(body).quote_tweet
    }
    expect(await seenBy(null)).toMatchObject({ content: 'worth quoting' })
    await block(ann, foe)
    expect(await seenBy(foe)).toEqual(stub)
    await insertFollowers([friend], ann)
    await makePrivate(ann)
    expect(await seenBy(null)).toEqual(stub)
    expect(await seenBy(bob)).toEqual(stub)
    expect(await seenBy(friend)).toMatchObject({ content: 'worth quoting' })
    expect(await seenBy(ann)).toMatchObject({ content: 'worth quoting' })
    await ask(ann, 'DELETE', `/api/tweets/${quoted.id}`)
    expect(await seenBy(ann)).toEqual(stub)
  })

  it('of a private author is refused even to those who follow them', async () => {
    const [shy, friend] = (await insertPeople(2)) as [Viewer, Viewer]
    const hidden = await post(shy, { content: 'hidden' })
    await insertFollowers([friend], shy)
    await makePrivate(shy)
    expect(
      await ask(friend, 'POST', '/api/tweets', { content: 'look', quote_tweet_id: hidden.id }),
    ).toMatchObject(problem(403, 'forbidden', 'json.quote_tweet_id'))
    expect(await post(shy, { content: 'mine', quote_tweet_id: hidden.id })).toMatchObject({
      quote_tweet: { content: 'hidden' },
    })
  })
})

describe('a tweet with a poll', () => {
  it('shows its options, without votes, until its end', async () => {
    const ann = await insertPerson()
    const poll = { options: [' tea ', 'coffee'], duration_minutes: 5 }
    const tweet = await post(ann, { content: '', poll })
    expect(tweet.poll).toEqual({
      id: tweet.id,
      options: [
        { position: 0, text: 'tea', vote_count: 0 },
        { position: 1, text: 'coffee', vote_count: 0 },
      ],
      total_votes: 0,
      ends_at: new Date(Date.parse(tweet.created_at) + 300_000).toISOString(),
      is_closed: false,
      voted: [],
    })
    expect((await ask(null, 'GET', `/api/tweets/${tweet.id}`)).body).toMatchObject({ poll: tweet.poll })
  })

  it.each([
    ['one option', { options: ['a'], duration_minutes: 5 }],
    ['five options', { options: ['a', 'b', 'c', 'd', 'e'], duration_minutes: 5 }],
    ['two that are alike', { options: ['a', ' a '], duration_minutes: 5 }],
    ['one that cannot be seen', { options: ['a', '\u200b '], duration_minutes: 5 }],
    ['one of 26 characters', { options: ['a', 'x'.repeat(26)], duration_minutes: 5 }],
    ['4 minutes', { options: ['a', 'b'], duration_minutes: 4 }],
    ['more than a week', { options: ['a', 'b'], duration_minutes: 10_081 }],
    ['half minutes', { options: ['a', 'b'], duration_minutes: 5.5 }],
  ])('is refused with %s', async (_, poll) => {
    const ann = await insertPerson()
    expect(await ask(ann, 'POST', '/api/tweets', { content: 'which?', poll })).toMatchObject(
      problem(400, 'validation_failed'),
    )
    expect(await rows(sql`select from tweets where user_id = ${ann.id}`)).toEqual([])
  })

  it('takes options of 25 characters of any kind, and a week', async () => {
    const ann = await insertPerson()
    const poll = { options: ['🦜'.repeat(25), 'b'], duration_minutes: 10_080 }
    expect((await post(ann, { content: 'which?', poll })).poll?.options[0]?.text).toBe('🦜'.repeat(25))
  })
})

describe('posting', () => {
  it.each([
    ['nothing', { content: '' }],
    ['spaces', { content: ' \n\t\u3000' }],
    ['what has no width', { content: '\u200b\u200d\ufeff\u2060' }],
    ['281 characters', { content: 'x'.repeat(281) }],
    ['281 characters after NFC', { content: '\u0958'.repeat(141) }],
    ['no content', {}],
    ['a number', { content: 5 }],
    ['media that there are not', { content: 'x', media_ids: [1] }],
    ['an id that is none', { content: 'x', reply_to_id: -1 }],
    ['an id that is text', { content: 'x', quote_tweet_id: '12' }],
    ['half an id', { content: 'x', quote_tweet_id: 1.5 }],
  ])('%s is refused, and writes nothing', async (_, body) => {
    const ann = await insertPerson()
    expect(await ask(ann, 'POST', '/api/tweets', body)).toMatchObject(problem(400, 'validation_failed'))
    expect(await ask(ann, 'POST', '/api/threads', { tweets: [{ content: 'fine' }, body] })).toMatchObject(
      problem(400, 'validation_failed'),
    )
    expect(await rows(sql`select from tweets where user_id = ${ann.id}`)).toEqual([])
  })
})

describe('a thread', () => {
  it('is answered in its order', async () => {
    const ann = await insertPerson()
    const { status, body } = await ask(ann, 'POST', '/api/threads', {
      tweets: [{ content: 'one' }, { content: 'two', poll: { options: ['a', 'b'], duration_minutes: 5 } }],
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({ tweets: [{ content: 'one' }, { content: 'two', poll: { total_votes: 0 } }] })
    const { body: home } = await ask(ann, 'GET', '/api/timeline/home')
    expect(home).toMatchObject({ tweets: [{ content: 'two' }, { content: 'one' }] })
  })

  it.each([0, 26])('of %i is refused', async (count) => {
    const ann = await insertPerson()
    const tweets = Array.from({ length: count }, () => ({ content: 'x' }))
    expect(await ask(ann, 'POST', '/api/threads', { tweets })).toMatchObject(
      problem(400, 'validation_failed', 'json.tweets'),
    )
  })

  it('needs its author signed in', async () => {
    expect(await ask(null, 'POST', '/api/threads', { tweets: [{ content: 'x' }] })).toMatchObject(
      problem(401, 'unauthenticated'),
    )
  })
})

describe('an edit', () => {
  it('shows at once, everywhere its author looks, and in the history', async () => {
    const ann = await insertPerson()
    const tweet = await post(ann, { content: 'frist' })
    await ask(ann, 'GET', '/api/timeline/home')
    const edited = await ask(ann, 'PUT', `/api/tweets/${tweet.id}`, { content: 'first' })
    expect(edited).toMatchObject({
      status: 200,
      body: { id: tweet.id, content: 'first', created_at: tweet.created_at },
    })
    expect(tweetShape.parse(edited.body).edited_at).not.toBeNull()
    expect((await ask(ann, 'GET', '/api/timeline/home')).body).toMatchObject({
      tweets: [{ content: 'first' }],
    })
    const { body } = await ask(null, 'GET', `/api/tweets/${tweet.id}/history?limit=1`)
    const newest = versionPage.parse(body)
    expect(newest).toMatchObject({ versions: [{ content: 'first' }], pagination: { has_more: true } })
    const next = `/api/tweets/${tweet.id}/history?limit=1&cursor=${newest.pagination.next_cursor}`
    expect((await ask(null, 'GET', next)).body).toEqual({
      versions: [{ content: 'frist', entities: tweet.entities, created_at: tweet.created_at }],
      pagination: { limit: 1, offset: 0, has_more: false, next_cursor: null },
    })
  })

  it('of another’s, of what is gone, or too late, is refused', async () => {
    const [ann, bob] = (await insertPeople(2)) as [Viewer, Viewer]
    const { id } = await post(ann, { content: 'mine' })
    const put = (viewer: Viewer | null, tweet: number, content = 'yours') =>
      ask(viewer, 'PUT', `/api/tweets/${tweet}`, { content })
    expect(await put(null, id)).toMatchObject(problem(401, 'unauthenticated'))
    expect(await put(bob, id)).toMatchObject(problem(403, 'forbidden'))
    expect(await put(ann, id, '\u200b')).toMatchObject(problem(400, 'validation_failed', 'json.content'))
    const lateMs = Date.now() - 3_601_000
    const [late] = await insertTweetsAt(ann, [lateMs])
    await rows(sql`update tweets set created_at = to_timestamp(${lateMs}::float8 / 1000) where id = ${late}`)
    expect(await put(ann, late ?? 0)).toMatchObject(problem(403, 'edit_closed'))
    await ask(ann, 'DELETE', `/api/tweets/${id}`)
    expect(await put(ann, id)).toMatchObject(problem(404, 'tweet_not_found'))
    expect(await put(ann, newTweetId(Date.now(), ann.id, Math.random))).toMatchObject(
      problem(404, 'tweet_not_found'),
    )
    expect(await ask(ann, 'GET', `/api/tweets/${id}/history`)).toMatchObject(problem(404, 'tweet_not_found'))
  })
})

describe('a deletion', () => {
  it('takes along its retweets and bookmarks, by the queue, and leaves the likes out of sight', async () => {
    const [ann, bob] = (await insertPeople(2)) as [Viewer, Viewer]
    const { id } = await post(ann, { content: 'short-lived' })
    await rows(sql`insert into bookmarks (user_id, tweet_id) values (${bob.id}, ${id})`)
    await rows(sql`insert into retweets (id, user_id, tweet_id)
      values (${newTweetId(Date.now(), bob.id, Math.random)}, ${bob.id}, ${id})`)
    expect((await ask(ann, 'DELETE', `/api/tweets/${id}`)).status).toBe(204)
    await expect
      .poll(
        () =>
          rows(sql`
        select from bookmarks where tweet_id = ${id}
        union all select from retweets where tweet_id = ${id}
        union all select from outbox where message ->> 'type' = 'erase_dependants' and (message ->> 'tweet_id')::bigint = ${id}`),
        { timeout: 10_000 },
      )
      .toEqual([])
  })
})
