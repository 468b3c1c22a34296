import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TimelineOp } from '../../src/contracts/timeline.ts'
import { FAN_OUT_CHUNK } from '../../src/db/statements/fan-out.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { bodyOf, fanOutBodies, post, remove, runDeadLetters, runFanOut } from './consumers.ts'
import { rows, testDeps } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, markWarm, timelineOf } from './people.ts'

/** An author with so many followers whose timelines are warm, built for real. */
async function community(count: number): Promise<{ author: Viewer; followers: Viewer[] }> {
  const [author, ...followers] = await insertPeople(count + 1)
  if (author === undefined) throw new Error('An author is needed')
  await insertFollowers(followers, author)
  for (const person of [author, ...followers]) await homeIds(person)
  return { author, followers }
}

async function outboxIdsOf(tweet: TweetId): Promise<number[]> {
  const found = await rows<{ id: number }>(
    sql`select id::float8 as id from outbox where queue = 'fan-out' and (message ->> 'tweet_id')::bigint = ${tweet} order by id`,
  )
  return found.map(({ id }) => id)
}

const timesIn = async (reader: Viewer, tweet: TweetId) =>
  (await homeIds(reader)).filter((id) => (id as number) === tweet).length

/** Timelines that count what they are told, and fail as they are bid. */
function listening(fails: (receiver: UserId) => boolean = () => false) {
  const told: { receiver: UserId; ops: TimelineOp[] }[] = []
  const deps: Partial<Deps> = {
    timeline: (receiver) => ({
      ...testDeps().timeline(receiver),
      apply: async (ops) => {
        if (fails(receiver)) throw new Error('The object fails')
        told.push({ receiver, ops })
        return { ok: true, state: 'warm' }
      },
    }),
  }
  return { told, deps }
}

describe('fan-out', () => {
  it('tells every warm follower once, under repeated and reordered messages', async () => {
    const { author, followers } = await community(5)
    const tweets = [await post(author), await post(author), await post(author)]
    const bodies = tweets.flatMap(({ outbox }) => outbox.map(bodyOf))
    await runFanOut([...bodies, ...bodies].reverse())
    await runFanOut(bodies)
    for (const follower of followers) {
      expect(await homeIds(follower)).toEqual(tweets.map(({ id }) => id).reverse())
    }
    for (const { id } of tweets) expect(await outboxIdsOf(id)).toEqual([])
  })

  it('delivers once when a consumer dies between the effect and its ack', async () => {
    const { author, followers } = await community(2)
    const { id, outbox } = await post(author)
    // The effect without what follows it: the message comes again, and its outbox row is still there.
    const dies = testDeps()
    const timeline = dies.timeline
    let calls = 0
    const db = new Proxy(dies.db, {
      get: (target, name, receiver) => {
        if (name === 'execute') calls += 1
        if (calls > 1) throw new Error('The consumer dies')
        return Reflect.get(target, name, receiver)
      },
    })
    const { acked } = await runFanOut(outbox.map(bodyOf), { ...dies, db, timeline })
    expect(acked).toEqual([])
    expect(await outboxIdsOf(id)).toHaveLength(1)
    for (const follower of followers) expect(await timesIn(follower, id)).toBe(1)

    expect((await runFanOut(outbox.map(bodyOf))).acked).toEqual([0])
    expect(await outboxIdsOf(id)).toEqual([])
    for (const follower of followers) expect(await timesIn(follower, id)).toBe(1)
  })

  it('owes it until the last follower was told, and tells nobody twice', async () => {
    const { author, followers } = await community(3)
    const unlucky = followers[1]?.id
    const { id, outbox } = await post(author)
    let failures = 1
    const deps = testDeps({
      timeline: (receiver) => {
        if (receiver === unlucky && failures-- > 0) throw new Error('The object fails once')
        return testDeps().timeline(receiver)
      },
    })
    expect((await runFanOut(outbox.map(bodyOf), deps)).acked).toEqual([0])
    expect(await outboxIdsOf(id)).toEqual(deps.sent.map((row) => row.id))

    await runFanOut(deps.sent.map(bodyOf), deps)
    expect(await outboxIdsOf(id)).toEqual([])
    for (const follower of followers) expect(await timesIn(follower, id)).toBe(1)
  })

  it('calls no cold timeline, and one timeline once for many tweets', async () => {
    const { author, followers } = await community(2)
    const [cold] = await insertPeople(1)
    if (cold === undefined) throw new Error('Somebody is needed')
    await insertFollowers([cold], author)
    const outbox = [...(await post(author)).outbox, ...(await post(author)).outbox]
    const { told, deps } = listening()
    await runFanOut(outbox.map(bodyOf), testDeps(deps))
    expect(told.map(({ receiver }) => receiver).sort()).toEqual(
      [author, ...followers].map(({ id }) => id).sort(),
    )
    expect(told.every(({ ops }) => ops.length === 2)).toBe(true)
  })

  it('splits a large audience into rows that are done one by one, each follower once', async () => {
    const count = 2 * FAN_OUT_CHUNK + 50
    const [author, ...followers] = await insertPeople(count + 1)
    if (author === undefined) throw new Error('An author is needed')
    await insertFollowers(followers, author)
    await markWarm(followers)
    const { id, outbox } = await post(author)
    const { told, deps } = listening()
    const run = testDeps(deps)
    expect((await runFanOut(outbox.map(bodyOf), run)).acked).toEqual([0])
    expect(told).toEqual([])
    const chunks: OutboxRow[] = run.sent
    expect(chunks).toHaveLength(3)
    expect(await outboxIdsOf(id)).toEqual(chunks.map((row) => row.id).sort((a, b) => a - b))

    // The message that was split comes again, and so does one of the chunks.
    await runFanOut([...outbox.map(bodyOf), ...chunks.slice(1).map(bodyOf)], run)
    expect(await outboxIdsOf(id)).toEqual([chunks[0]?.id])
    await runFanOut([...chunks, ...chunks].map(bodyOf), run)
    expect(told.map(({ receiver }) => receiver).sort()).toEqual(
      followers.map((follower) => follower.id).sort(),
    )
    expect(await outboxIdsOf(id)).toEqual([])
  })

  it('leaves nothing of a tweet whose deletion overtook it', async () => {
    const { author, followers } = await community(2)
    const { id, outbox } = await post(author)
    await runFanOut(fanOutBodies(await remove(author, id)))
    await runFanOut(outbox.map(bodyOf))
    for (const follower of followers) {
      expect(await timesIn(follower, id)).toBe(0)
      // Even an older consumer that had read the tweet before it was deleted comes too late.
      const late = { id: id as number as never, tweetId: id, authorId: author.id, retweeterId: null }
      const card = {
        tweetId: id,
        authorId: author.id,
        json: '{}',
        counts: { likes: 0, retweets: 0, replies: 0, quotes: 0, bookmarks: 0, votes: [] },
        poll: null,
        revision: '1.1',
        quote: null,
      }
      await timelineOf(follower).apply([{ type: 'deliver', entry: late, card, retweeter: null, acted: null }])
      expect(await timesIn(follower, id)).toBe(0)
    }
  })

  it('is not heard across a block, nor by who has muted the author', async () => {
    const { author, followers } = await community(4)
    const [blocks, isBlocked, mutes, hears] = followers
    if (!blocks || !isBlocked || !mutes || !hears) throw new Error('Four are needed')
    await rows(sql`insert into blocks (blocker_id, blocked_id)
                   values (${blocks.id}, ${author.id}), (${author.id}, ${isBlocked.id})`)
    await rows(sql`insert into mutes (muter_id, muted_id) values (${mutes.id}, ${author.id})`)
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    expect(await Promise.all(followers.map((follower) => timesIn(follower, id)))).toEqual([0, 0, 0, 1])
  })
})

describe('what cannot be consumed', () => {
  it('is stored and acked when it is not understood', async () => {
    const mark = crypto.randomUUID()
    expect((await runFanOut([{ nonsense: mark }])).acked).toEqual([0])
    const stored = await rows(sql`select queue from dead_letters where message ->> 'nonsense' = ${mark}`)
    expect(stored).toEqual([{ queue: 'fan-out' }])
  })

  it('stops the relay, waits for an operator, and is delivered when it is replayed', async () => {
    const { author, followers } = await community(1)
    const { id, outbox } = await post(author)
    const [owed] = outbox
    if (owed === undefined || followers[0] === undefined) throw new Error('A message is owed')
    await runDeadLetters([bodyOf(owed), bodyOf(owed)])
    const letters = await rows<{ id: number }>(
      sql`select id::float8 as id from dead_letters where outbox_id = ${owed.id}`,
    )
    expect(letters).toHaveLength(1)
    const [row] = await rows<{ is_dead: boolean }>(
      sql`select dead_at is not null as is_dead from outbox where id = ${owed.id}`,
    )
    expect(row).toEqual({ is_dead: true })

    await rows(sql`update outbox set dead_at = null where id = ${owed.id}`)
    await runFanOut([bodyOf(owed)])
    expect(await timesIn(followers[0], id)).toBe(1)
    expect(await outboxIdsOf(id)).toEqual([])
  })

  it('is no dead letter when another delivery has done it', async () => {
    const { author } = await community(1)
    const { outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    await runDeadLetters(outbox.map(bodyOf))
    const letters = await rows(sql`select from dead_letters where outbox_id = ${outbox[0]?.id ?? 0}`)
    expect(letters).toEqual([])
  })
})
