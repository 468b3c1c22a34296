import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TimelineOp } from '../../src/contracts/timeline.ts'
import { FAN_OUT_CHUNK } from '../../src/db/statements/fan-out.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { act, bodyOf, fanOutBodies, post, runFanOut, spread } from './consumers.ts'
import { fakeTimeline, timelineWith } from './fake-timeline.ts'
import { testDeps } from './harness.ts'
import { linesOf, readHome } from './homes.ts'
import { insertFollowers, insertPeople, markWarm } from './people.ts'

async function setScene() {
  const [reader, bob, stranger] = await insertPeople(3)
  if (!reader || !bob || !stranger) throw new Error('Nobody was inserted')
  await insertFollowers([reader], bob)
  await readHome(reader)
  const { id: tweet } = await post(stranger)
  return { reader, bob, stranger, tweet }
}

describe('a retweet and its undoing', () => {
  it('leave nothing, in whatever order and however often they are told', async () => {
    const { reader, bob, tweet } = await setScene()
    const done = fanOutBodies(await act(retweetTweet, bob, tweet))
    const undone = fanOutBodies(await act(undoRetweet, bob, tweet))
    for (const batch of [undone, done, [...done, ...undone], [...undone, ...done, ...done]]) {
      expect((await runFanOut(batch)).retried).toEqual([])
      expect(linesOf(await readHome(reader))).toEqual([])
    }
  })

  it('that are done again leave the last, told in any order', async () => {
    const { reader, bob, tweet } = await setScene()
    const first = await act(retweetTweet, bob, tweet)
    const undone = await act(undoRetweet, bob, tweet)
    const second = await act(retweetTweet, bob, tweet)
    await spread([...second, ...undone, ...first])
    await spread([...first, ...undone, ...second])
    expect(linesOf(await readHome(reader))).toEqual([[tweet, bob.id]])
  })

  it('are one entry when consumers take the message at the same time', async () => {
    const { reader, bob, tweet } = await setScene()
    const bodies = fanOutBodies(await act(retweetTweet, bob, tweet))
    await Promise.all([runFanOut(bodies), runFanOut(bodies), runFanOut(bodies)])
    expect(linesOf(await readHome(reader))).toEqual([[tweet, bob.id]])
  })

  it('leave nothing when the undo reaches the timeline while the retweet is on its way', async () => {
    const { reader, bob, tweet } = await setScene()
    const done = fanOutBodies(await act(retweetTweet, bob, tweet))
    const real = testDeps()
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const slow = testDeps({
      timeline: (user) => {
        const timeline = real.timeline(user)
        return timelineWith(timeline, {
          apply: async (ops) => {
            reached.resolve()
            await released.promise
            return timeline.apply(ops)
          },
        })
      },
    })
    const delivering = runFanOut(done, slow)
    await reached.promise
    await spread(await act(undoRetweet, bob, tweet))
    released.resolve()
    await delivering
    expect(linesOf(await readHome(reader))).toEqual([])
  })
})

/** Timelines that only note what they are told. */
function notedTimelines(): { deps: Partial<Deps>; told: Map<UserId, TimelineOp[]> } {
  const told = new Map<UserId, TimelineOp[]>()
  const timeline: Deps['timeline'] = (user) =>
    fakeTimeline({
      apply: async (ops) => {
        told.set(user, [...(told.get(user) ?? []), ...ops])
        return { ok: true, state: 'warm' }
      },
    })
  return { deps: { timeline }, told }
}

/** Runs the consumer until nothing is owed; answers how many messages there were. */
async function runAll(outbox: readonly OutboxRow[], replaced: Partial<Deps>): Promise<number> {
  let messages = 0
  for (let left = [...outbox]; left.length > 0; ) {
    const deps = testDeps(replaced)
    messages += left.length
    expect(messages).toBeLessThan(20)
    expect((await runFanOut(left.map(bodyOf), deps)).retried).toEqual([])
    left = deps.sent
  }
  return messages
}

describe('more followers than a chunk', () => {
  async function crowd() {
    const [bob, stranger, ...followers] = await insertPeople(2 * FAN_OUT_CHUNK + 3)
    if (!bob || !stranger) throw new Error('Nobody was inserted')
    await insertFollowers(followers, bob)
    await markWarm([...followers, bob])
    const { id: tweet } = await post(stranger, 'Befor', notedTimelines().deps)
    const listeners = [...followers, bob].map(({ id }) => id).sort((a, b) => a - b)
    return { bob, stranger, tweet, listeners }
  }

  const ofFollowers = (outbox: OutboxRow[]) =>
    outbox.filter(({ queue, message }) => queue === 'fan-out' && !isFlags(message))
  const isFlags = (message: OutboxRow['message']) =>
    typeof message === 'object' && message !== null && 'type' in message && message.type === 'flags_changed'

  it('hear each once of a retweet, of its undoing, and of an edit of what they were shown', async () => {
    const { bob, stranger, tweet, listeners } = await crowd()
    const unheard = notedTimelines().deps
    const hearing = async (outbox: OutboxRow[]) => {
      const { deps, told } = notedTimelines()
      const messages = await runAll(ofFollowers(outbox), deps)
      expect([...told.keys()].sort((a, b) => a - b)).toEqual(listeners)
      const ops = [...told.values()]
      expect(ops.every(({ length }) => length === 1)).toBe(true)
      return { messages, op: ops[0]?.[0] }
    }
    const retweeted = await hearing(await act(retweetTweet, bob, tweet, unheard))
    expect(retweeted).toMatchObject({ messages: 4, op: { type: 'deliver', retweeter: { id: bob.id } } })

    const edit = (deps: Deps, viewer: typeof bob) => editTweet(deps, viewer, { id: tweet, content: 'Before' })
    const edited = await hearing(await act(edit, stranger, tweet, unheard))
    expect(edited).toMatchObject({ messages: 4, op: { type: 'revise', card: { tweetId: tweet } } })

    const undone = await hearing(await act(undoRetweet, bob, tweet, unheard))
    expect(undone).toMatchObject({ messages: 4, op: { type: 'retract', of: 'retweet' } })
  })
})
