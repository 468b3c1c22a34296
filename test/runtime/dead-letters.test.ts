import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { takeDueOutboxRows } from '../../src/db/statements/outbox.ts'
import { bodyOf, post, runDeadLetters, runFanOut } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { homeIds, insertFollowers, insertPeople } from './people.ts'

interface Letter {
  queue: string
  outbox_id: number | null
  message: unknown
  error: string
}

function lettersOf(outboxId: number): Promise<Letter[]> {
  return rows(
    sql`select queue, outbox_id::float8 as outbox_id, message, error from dead_letters where outbox_id = ${outboxId}`,
  )
}

async function isDead({ id }: OutboxRow): Promise<boolean | undefined> {
  const [row] = await rows<{ dead: boolean }>(
    sql`select dead_at is not null as dead from outbox where id = ${id}`,
  )
  return row?.dead
}

async function owing(): Promise<{ row: OutboxRow; tweet: number; follower: Parameters<typeof homeIds>[0] }> {
  const [author, follower] = await insertPeople(2)
  if (author === undefined || follower === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([follower], author)
  await homeIds(follower)
  const { id, outbox } = await post(author)
  const [row] = outbox
  if (row === undefined) throw new Error('Nothing is owed')
  return { row, tweet: id, follower }
}

describe('a message that is not understood', () => {
  it('is stored and acked, and does not hold up the others', async () => {
    const { row, tweet, follower } = await owing()
    const mark = crypto.randomUUID()
    const poison = [
      { mark },
      { outbox_id: -1, event: { type: 'tweet_published', mark } },
      `a text ${mark}`,
      null,
    ]
    expect((await runFanOut([...poison, bodyOf(row)])).acked.toSorted()).toEqual([0, 1, 2, 3, 4])
    const letters = await rows<Letter>(
      sql`select queue, outbox_id, message, error from dead_letters where message::text like ${`%${mark}%`} order by id`,
    )
    expect(letters.map(({ message }) => message)).toEqual(poison.slice(0, 3))
    expect(letters[0]).toMatchObject({ queue: 'fan-out', outbox_id: null, error: 'not understood' })
    expect(await homeIds(follower)).toEqual([tweet])
  })

  it('stops the relay for the row that it names', async () => {
    const { row } = await owing()
    const body = { outbox_id: row.id, event: { type: 'tweet_published', v: 99 } }
    expect((await runFanOut([body, body])).acked).toEqual([0, 1])
    expect(await isDead(row)).toBe(true)
    expect(await lettersOf(row.id)).toEqual([
      { queue: 'fan-out', outbox_id: row.id, message: row.message, error: 'not understood' },
    ])
  })

  it('comes again while it cannot be stored', async () => {
    using _gate = refuseDatabase(({ text }) => text.includes('dead_letters'))
    expect(await runFanOut(['nonsense'])).toEqual({ acked: [], retried: [0] })
  })
})

describe('a message that others gave up on', () => {
  it('is stored once, and its row rests until an operator replays it', async () => {
    const { row, tweet, follower } = await owing()
    const body = bodyOf(row)
    await Promise.all([runDeadLetters([body, body]), runDeadLetters([body]), runDeadLetters([body])])
    expect(await lettersOf(row.id)).toEqual([
      { queue: 'fan-out', outbox_id: row.id, message: row.message, error: 'every delivery failed' },
    ])
    expect(await isDead(row)).toBe(true)

    await rows(sql`
      with letter as (delete from dead_letters where outbox_id = ${row.id})
      update outbox set dead_at = null, next_attempt_at = '2001-01-01' where id = ${row.id}`)
    // The longest due of all rows there are.
    const replayed = await takeDueOutboxRows(testDeps().db, { batch: 1, backlog: 1_000_000 })
    expect(replayed.rows).toEqual([row])
    await runFanOut(replayed.rows.map(bodyOf))
    expect(await homeIds(follower)).toEqual([tweet])
    expect(await isDead(row)).toBeUndefined()
  })

  it('is not stored when its effect was done by another delivery', async () => {
    const { row } = await owing()
    await runFanOut([bodyOf(row)])
    expect((await runDeadLetters([bodyOf(row)])).acked).toEqual([0])
    expect(await lettersOf(row.id)).toEqual([])
  })

  it('and was a hint to fold is dropped: the ledger still holds what it hints at', async () => {
    const id = 1 + Math.floor(Math.random() * 2 ** 40)
    const hint = { type: 'fold', v: 1, subjects: [{ subject: 'user', id }] }
    expect((await runDeadLetters([hint])).acked).toEqual([0])
    expect(await rows(sql`select from dead_letters where message::text like ${`%${id}%`}`)).toEqual([])
  })
})
