import { runInDurableObject } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { describe, expect, it, vi } from 'vitest'
import { fanOutMessage, type OutboxRow } from '../../src/contracts/queues.ts'
import { FAN_OUT_CHUNK } from '../../src/db/statements/fan-out.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { act, bodyOf, fanOutBodies, post, remove, runDeadLetters, runFanOut, unfollow } from './consumers.ts'
import { gateDatabase, refuseDatabase } from './database-gate.ts'
import { rows, type TestDeps, testDeps } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, markWarm, timelineOf } from './people.ts'
import { failing, Recorders } from './recorders.ts'

/** Of one message (Cloudflare Queues, "Limits"). */
const MESSAGE_BYTES_MAX = 128_000

/** An author, and followers whose timelines are said to be warm. */
async function audience(count: number): Promise<{ author: Viewer; followers: Viewer[]; unlucky: Viewer }> {
  const [author, ...followers] = await insertPeople(count + 1)
  const [unlucky] = followers
  if (author === undefined || unlucky === undefined) throw new Error('Nobody was inserted')
  await insertFollowers(followers, author)
  await markWarm(followers)
  return { author, followers, unlucky }
}

const idsOf = (people: readonly Viewer[]) => people.map(({ id }) => id).sort((a, b) => a - b)

/** Timelines that remember what they are told, but that of these people, who fail. */
function failingFor(...unlucky: readonly Viewer[]): { recorders: Recorders; deps: TestDeps } {
  const ids = idsOf(unlucky)
  const recorders = new Recorders((user) => (ids.includes(user) ? failing() : { ok: true, state: 'warm' }))
  return { recorders, deps: testDeps({ timeline: recorders.port }) }
}

function owedFor(author: Viewer): Promise<OutboxRow[]> {
  return rows<OutboxRow>(sql`
    select id::float8 as id, queue, message from outbox
    where (message ->> 'author_id')::bigint = ${author.id} or (message ->> 'by_id')::bigint = ${author.id}
    order by id`)
}

/** Whom an outbox row names. */
function namedIn(row: OutboxRow | undefined): number[] | undefined {
  const { event } = fanOutMessage.parse({ outbox_id: row?.id, event: row?.message })
  return event.type === 'fan_out_chunk' ? event.to : undefined
}

/** As an object that is broken, until it is mended. */
async function breakTimeline(person: Viewer): Promise<() => Promise<void>> {
  const rename = (from: string, to: string) =>
    runInDurableObject(timelineOf(person), (_object, { storage }) => {
      storage.sql.exec(`alter table ${from} rename to ${to}`)
    })
  await rename('entries', 'entries_away')
  return () => rename('entries_away', 'entries')
}

describe('an object that fails', () => {
  it('is owed its tweet alone, for real, and has it once when it is mended', async () => {
    const [author, ...followers] = await insertPeople(4)
    const unlucky = followers[1]
    if (author === undefined || unlucky === undefined) throw new Error('Nobody was inserted')
    await insertFollowers(followers, author)
    for (const follower of followers) expect(await homeIds(follower)).toEqual([])
    const mend = await breakTimeline(unlucky)
    const { id, outbox } = await post(author)
    const deps = testDeps()
    expect(await runFanOut(outbox.map(bodyOf), deps)).toEqual({ acked: [0], retried: [] })
    expect(await owedFor(author)).toEqual(deps.sent)
    expect(deps.sent.map(namedIn)).toEqual([[unlucky.id]])
    for (const follower of followers.filter((one) => one !== unlucky))
      expect(await homeIds(follower)).toEqual([id])

    expect(await runFanOut(deps.sent.map(bodyOf))).toEqual({ acked: [], retried: [0] })
    await mend()
    expect(await runFanOut(deps.sent.map(bodyOf), testDeps(), 2)).toEqual({ acked: [0], retried: [] })
    for (const follower of followers) expect(await homeIds(follower)).toEqual([id])
    expect(await owedFor(author)).toEqual([])
  })

  it('does not make others hear again of any of the tweets of its batch', async () => {
    const { author, followers, unlucky } = await audience(5)
    const tweets = [await post(author), await post(author), await post(author)]
    const { recorders, deps } = failingFor(unlucky)
    const { acked } = await runFanOut(
      tweets.flatMap(({ outbox }) => outbox.map(bodyOf)),
      deps,
    )
    expect(acked).toEqual([0, 1, 2])
    expect(deps.sent.map(namedIn)).toEqual([[unlucky.id], [unlucky.id], [unlucky.id]])
    expect(recorders.receivers).toEqual(idsOf(followers))

    const mended = new Recorders()
    await runFanOut(deps.sent.map(bodyOf), testDeps({ timeline: mended.port }))
    expect(mended.receivers).toEqual([unlucky.id])
    expect(mended.calls[0]?.ops).toHaveLength(3)
    expect(await owedFor(author)).toEqual([])
  })

  it('is tried again after a while, and its message is as old as the first', async () => {
    const { author, unlucky } = await audience(2)
    const { outbox } = await post(author)
    await rows(sql`update outbox set created_at = now() - interval '1 hour' where id = ${outbox[0]?.id ?? 0}`)
    const delays: (number | undefined)[] = []
    const { deps } = failingFor(unlucky)
    const sendOutbox = async (_rows: OutboxRow[], delaySeconds?: number) => {
      delays.push(delaySeconds)
    }
    await runFanOut(outbox.map(bodyOf), { ...deps, queues: { ...deps.queues, sendOutbox } })
    expect(delays).toEqual([1])
    const [owed] = await owedFor(author)
    const timing = await rows(sql`
      select now() - created_at > interval '59 minutes' as is_old,
             next_attempt_at between now() + interval '20 seconds' and now() + interval '31 seconds' as is_later
      from outbox where id = ${owed?.id ?? 0}`)
    expect(timing).toEqual([{ is_old: true, is_later: true }])
  })

  it('is not waited for without end', async () => {
    const { author, followers, unlucky } = await audience(4)
    const { outbox } = await post(author)
    const recorders = new Recorders()
    const reached = Promise.withResolvers<void>()
    const timeline: Deps['timeline'] = (user) => ({
      ...recorders.port(user),
      apply: (ops) => {
        if (user !== unlucky.id) return recorders.port(user).apply(ops)
        reached.resolve()
        return new Promise(() => {})
      },
    })
    const deps = testDeps({ timeline })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const running = runFanOut(outbox.map(bodyOf), deps)
      await reached.promise
      await vi.advanceTimersByTimeAsync(10_000)
      expect(await running).toEqual({ acked: [0], retried: [] })
    } finally {
      vi.useRealTimers()
    }
    expect(recorders.receivers).toEqual(idsOf(followers.filter(({ id }) => id !== unlucky.id)))
    expect(deps.sent.map(namedIn)).toEqual([[unlucky.id]])
  })

  it('is one of many, and all of them are still one small message', async () => {
    const { author, followers } = await audience(FAN_OUT_CHUNK)
    const unlucky = followers.slice(1)
    const { outbox } = await post(author)
    const { deps } = failingFor(...unlucky)
    expect((await runFanOut(outbox.map(bodyOf), deps)).acked).toEqual([0])
    expect(deps.sent.map(namedIn)).toEqual([idsOf(unlucky)])
    expect(JSON.stringify(deps.sent.map(bodyOf)).length).toBeLessThan(MESSAGE_BYTES_MAX)
    const { recorders, deps: mended } = failingFor()
    await runFanOut(deps.sent.map(bodyOf), mended)
    expect(recorders.receivers).toEqual(idsOf(unlucky))
  })

  it('leaves the message as it is when nobody at all could be told', async () => {
    const { author, followers } = await audience(3)
    const { outbox } = await post(author)
    const { deps } = failingFor(...followers)
    expect(await runFanOut(outbox.map(bodyOf), deps)).toEqual({ acked: [], retried: [0] })
    expect(await owedFor(author)).toEqual(outbox)
    expect(deps.sent).toEqual([])
  })

  it('is owed deletions, edits and retweets in the same way', async () => {
    const { author: bob, followers, unlucky } = await audience(3)
    const { author: ada } = await audience(1)
    const { id } = await post(ada)
    const ofFollowers = async (outbox: readonly OutboxRow[]) => {
      const bodies = fanOutBodies(outbox).filter((body) => !JSON.stringify(body).includes('flags_changed'))
      const { deps } = failingFor(unlucky)
      await runFanOut(bodies, deps)
      const { recorders, deps: mended } = failingFor()
      await runFanOut(deps.sent.map(bodyOf), mended)
      return recorders.calls.map(({ receiver, ops }) => [receiver, ops.map(({ type }) => type)])
    }
    expect(await ofFollowers(await act(retweetTweet, bob, id))).toEqual([[unlucky.id, ['deliver']]])

    const { id: own } = await post(bob)
    const edited = await act(
      (deps, viewer) => editTweet(deps, viewer, { id: own, content: 'Edited' }),
      bob,
      own,
    )
    expect(await ofFollowers(edited)).toEqual([[unlucky.id, ['revise']]])
    expect(await ofFollowers(await remove(bob, own))).toEqual([[unlucky.id, ['retract']]])
    expect(followers).toHaveLength(3)
  })
})

describe('what is left of a fan-out', () => {
  async function narrowed(count = 3) {
    const scene = await audience(count)
    const { id, outbox } = await post(scene.author)
    const { deps } = failingFor(scene.unlucky)
    await runFanOut(outbox.map(bodyOf), deps)
    expect(deps.sent.map(namedIn)).toEqual([[scene.unlucky.id]])
    return { ...scene, tweet: id, outbox, left: deps.sent }
  }

  it('is nothing for a timeline that went cold, and nothing for who does not follow any more', async () => {
    for (const leave of [
      ({ unlucky }: Awaited<ReturnType<typeof narrowed>>) =>
        rows(sql`delete from timelines where user_id = ${unlucky.id}`),
      ({ unlucky, author }: Awaited<ReturnType<typeof narrowed>>) =>
        unfollow(unlucky, author, { timeline: new Recorders().port }),
    ]) {
      const scene = await narrowed()
      await leave(scene)
      const { recorders, deps } = failingFor()
      expect((await runFanOut(scene.left.map(bodyOf), deps)).acked).toEqual([0])
      expect(recorders.calls).toEqual([])
      expect(await owedFor(scene.author)).toEqual([])
    }
  })

  it('becomes less with each who is told', async () => {
    // Between them are others, who have been told.
    const { author, followers } = await audience(4)
    const [first, second] = [followers.at(0), followers.at(-1)]
    if (!first || !second) throw new Error('Two are needed')
    const { outbox } = await post(author)
    const both = failingFor(first, second)
    await runFanOut(outbox.map(bodyOf), both.deps)
    expect(both.deps.sent.map(namedIn)).toEqual([idsOf([first, second])])
    const one = failingFor(second)
    expect((await runFanOut(both.deps.sent.map(bodyOf), one.deps)).acked).toEqual([0])
    expect(one.recorders.receivers).toEqual(idsOf([first, second]))
    expect(one.deps.sent.map(namedIn)).toEqual([[second.id]])
    const again = failingFor(second)
    expect((await runFanOut(one.deps.sent.map(bodyOf), again.deps)).retried).toEqual([0])
    expect(await owedFor(author)).toEqual(one.deps.sent)
  })

  it('is what becomes a dead letter, and is told to that one alone when it is replayed', async () => {
    const { author, unlucky, left } = await narrowed()
    const [owed] = left
    if (owed === undefined) throw new Error('Something is owed')
    await runDeadLetters(left.map(bodyOf))
    const letters = await rows(sql`select queue, message from dead_letters where outbox_id = ${owed.id}`)
    expect(letters).toEqual([{ queue: 'fan-out', message: owed.message }])
    const { recorders, deps } = failingFor()
    await runFanOut(left.map(bodyOf), deps)
    expect(recorders.receivers).toEqual([unlucky.id])
    expect(await owedFor(author)).toEqual([])
  })

  it('is for nobody a second time when the first message comes again', async () => {
    const { author, outbox, left } = await narrowed()
    const { recorders, deps } = failingFor()
    expect((await runFanOut(outbox.map(bodyOf), deps)).acked).toEqual([0])
    expect(recorders.calls).toEqual([])
    expect(await owedFor(author)).toEqual(left)
  })
})

describe('no receiver is lost', () => {
  it('when two consumers take a message and each fails with another', async () => {
    const { author, followers } = await audience(6)
    const [first, second] = followers
    if (!first || !second) throw new Error('Two are needed')
    const { outbox } = await post(author)
    // Both have planned before either has settled.
    let waiting = 0
    const both = Promise.withResolvers<void>()
    const together = (unlucky: Viewer) => {
      const { recorders, deps } = failingFor(unlucky)
      let isFirstCall = true
      const timeline: typeof deps.timeline = (user) => {
        const port = recorders.port(user)
        const isFirst = isFirstCall
        isFirstCall = false
        return {
          ...port,
          apply: async (ops) => {
            if (isFirst && ++waiting === 2) both.resolve()
            await both.promise
            return port.apply(ops)
          },
        }
      }
      return { recorders, deps: { ...deps, timeline } }
    }
    const consumers = [together(first), together(second)]
    await Promise.all(consumers.map(({ deps }) => runFanOut(outbox.map(bodyOf), deps)))
    expect(waiting).toBe(2)
    const left = await owedFor(author)
    expect(left).toHaveLength(1)
    // Whoever is named was told by the other, too: that is for the timeline to notice.
    expect([[first.id], [second.id]]).toContainEqual(namedIn(left[0]))
    const { deps } = failingFor()
    await runFanOut(left.map(bodyOf), deps)
    expect(await owedFor(author)).toEqual([])
  })

  it('when the consumer dies before what is left is written', async () => {
    const { author, unlucky } = await audience(3)
    const { outbox } = await post(author)
    const { deps } = failingFor(unlucky)
    {
      using _gate = refuseDatabase(({ text }) => text.includes('delete from outbox'))
      expect(await runFanOut(outbox.map(bodyOf), deps)).toEqual({ acked: [], retried: [0] })
    }
    expect(await owedFor(author)).toEqual(outbox)
  })

  it('when it dies after that, or does not hear that it was', async () => {
    const { author, unlucky } = await audience(3)
    const { outbox } = await post(author)
    const { deps } = failingFor(unlucky)
    {
      using _gate = gateDatabase(async ({ text }, carry) => {
        const response = await carry()
        if (text.includes('delete from outbox')) throw new TypeError('Network connection lost.')
        return response
      })
      expect(await runFanOut(outbox.map(bodyOf), deps)).toEqual({ acked: [], retried: [0] })
    }
    expect(deps.sent).toEqual([])
    const left = await owedFor(author)
    expect(left.map(namedIn)).toEqual([[unlucky.id]])
    const { recorders, deps: mended } = failingFor()
    await runFanOut([...outbox, ...left].map(bodyOf), mended)
    expect(recorders.receivers).toEqual([unlucky.id])
  })

  it('when the queue does not take what is left: the relay sends it', async () => {
    const { author, unlucky } = await audience(3)
    const { outbox } = await post(author)
    const { deps } = failingFor(unlucky)
    const sendOutbox = () => Promise.reject(new Error('The queue is away'))
    const { acked } = await runFanOut(outbox.map(bodyOf), { ...deps, queues: { ...deps.queues, sendOutbox } })
    expect(acked).toEqual([0])
    expect((await owedFor(author)).map(namedIn)).toEqual([[unlucky.id]])
  })
})
