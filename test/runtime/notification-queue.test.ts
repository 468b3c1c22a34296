import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { likeTweet } from '../../src/services/like-tweet.ts'
import { act, bodyOf, runDeadLetters, runNotifications } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { insertPeople, insertRecentTweets, markWarm } from './people.ts'
import { failing, Recorders } from './recorders.ts'

/** Somebody's tweet that another likes, and what is owed to the one who wrote it. */
async function liked(): Promise<{ author: Viewer; row: OutboxRow; tweet: TweetId }> {
  const [author, fan] = await insertPeople(2)
  if (author === undefined || fan === undefined) throw new Error('Nobody was inserted')
  const [tweet = 0 as TweetId] = await insertRecentTweets(author, 1)
  await markWarm([author])
  const outbox = await act(likeTweet, fan, tweet)
  const row = outbox.find(({ queue }) => queue === 'notifications')
  if (row === undefined) throw new Error('Nothing is owed')
  return { author, row, tweet }
}

const lettersOf = (id: number) =>
  rows<{ queue: string; error: string }>(sql`select queue, error from dead_letters where outbox_id = ${id}`)

const isOwed = async ({ id }: OutboxRow) =>
  (await rows(sql`select from outbox where id = ${id}`)).length === 1

const toldOf = ({ id }: Viewer) =>
  rows<{ n: number }>(sql`select count(*)::int as n from notifications where user_id = ${id}`)

const poisons = (id: number) => [
  { outbox_id: id, event: { type: 'like_changed', v: 1, actor_id: 1 } },
  { outbox_id: id, event: { type: 'like_changed', v: 2, actor_id: 1, tweet_id: 1 } },
  { outbox_id: id, event: { type: 'nothing_known', v: 1 } },
  { outbox_id: id, event: null },
]

describe('the queue of notifications', () => {
  it.each([0, 1, 2, 3])(
    'stores what it does not understand, and does the rest of the batch: %i',
    async (n) => {
      const [bad, good] = [await liked(), await liked()]
      const recorders = new Recorders()
      const deps = testDeps({ timeline: recorders.port })
      const batch = [poisons(bad.row.id)[n], bodyOf(good.row)]
      expect(await runNotifications(batch, deps)).toEqual({ acked: [0, 1], retried: [] })
      expect(await lettersOf(bad.row.id)).toEqual([{ queue: 'notifications', error: 'not understood' }])
      expect(await isOwed(bad.row)).toBe(true)
      expect(recorders.receivers).toEqual([good.author.id])
      expect(await isOwed(good.row)).toBe(false)
    },
  )

  it('has what fails again and again come again, and then keeps it for an operator', async () => {
    const { author, row } = await liked()
    const deps = testDeps({ timeline: new Recorders(failing).port })
    expect(await runNotifications([bodyOf(row)], deps)).toEqual({ acked: [], retried: [0] })
    for (const attempts of [2, 3]) {
      expect(await runNotifications([bodyOf(row)], deps, attempts)).toEqual({ acked: [], retried: [0] })
    }
    expect(await toldOf(author)).toEqual([{ n: 1 }])
    await runDeadLetters([bodyOf(row)])
    expect(await lettersOf(row.id)).toEqual([{ queue: 'notifications', error: 'every delivery failed' }])
    expect(await isOwed(row)).toBe(true)

    const recorders = new Recorders()
    await runNotifications([bodyOf(row)], testDeps({ timeline: recorders.port }))
    expect(recorders.calls).toMatchObject([
      { receiver: author.id, ops: [{ type: 'notification', unread: { count: 1 } }] },
    ])
    expect(await isOwed(row)).toBe(false)
  })

  it('tells what comes again by the queue once more, and alone', async () => {
    const [first, second] = [await liked(), await liked()]
    const recorders = new Recorders((receiver, nth) => {
      if (receiver === first.author.id && nth === 1) failing()
      return { ok: true, state: 'warm' }
    })
    const deps = testDeps({ timeline: recorders.port })
    const batch = [first, second].map(({ row }) => bodyOf(row))
    expect(await runNotifications(batch, deps)).toEqual({ acked: [1], retried: [0] })
    expect(await runNotifications(batch, deps, 2)).toEqual({ acked: [0, 1], retried: [] })
    expect(recorders.calls.filter(({ receiver }) => receiver === first.author.id)).toHaveLength(2)
    expect(recorders.calls.filter(({ receiver }) => receiver === second.author.id)).toHaveLength(1)
  })

  it('has a batch come again while the database is away, and does it then', async () => {
    const { author, row } = await liked()
    const recorders = new Recorders()
    const deps = testDeps({ timeline: recorders.port })
    {
      using _gate = refuseDatabase(() => true)
      expect(await runNotifications([bodyOf(row)], deps)).toEqual({ acked: [], retried: [0] })
    }
    expect(recorders.calls).toEqual([])
    expect(await runNotifications([bodyOf(row)], deps, 2)).toEqual({ acked: [0], retried: [] })
    expect(recorders.receivers).toEqual([author.id])
  })

  it('drops what is of a history that the database has lost', async () => {
    const { author, row } = await liked()
    const recorders = new Recorders()
    const deps = testDeps({ timeline: recorders.port })
    const lost = { ...Object(bodyOf(row)), epoch: 0 }
    expect(await runNotifications([lost], deps)).toEqual({ acked: [0], retried: [] })
    expect(await toldOf(author)).toEqual([{ n: 0 }])
    expect(await isOwed(row)).toBe(true)
  })
})
