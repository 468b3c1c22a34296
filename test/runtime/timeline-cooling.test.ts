import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { holdDatabase, naming, refuseDatabase } from './database-gate.ts'
import { rows } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, insertRecentTweets, timelineOf } from './people.ts'
import { deliver, warmObject } from './stores.ts'

const DAY_MS = 86_400_000
const EPOCH = 7

interface Reader {
  reader: Viewer
  author: Viewer
}

/** A reader with a warm timeline that was last read so many days ago, and whose alarm is due. */
async function readLast(daysAgo: number, rowEpoch = EPOCH): Promise<Reader> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  await rows(sql`insert into timelines (user_id, epoch) values (${reader.id}, ${rowEpoch})`)
  const readAtMs = Date.now() - daysAgo * DAY_MS
  const pulled = { followees: [author.id], graph_version: 1 }
  await warmObject(timelineOf(reader), reader.id, pulled, { epoch: EPOCH, readAtMs })
  await runInDurableObject(timelineOf(reader), (_object, { storage }) =>
    storage.setAlarm(Date.now() + DAY_MS),
  )
  return { reader, author }
}

const fireAlarm = ({ reader }: Reader) => runDurableObjectAlarm(timelineOf(reader))

async function isWarmRow({ reader }: Reader): Promise<boolean> {
  return (await rows(sql`select from timelines where user_id = ${reader.id}`)).length > 0
}

function tablesOf({ id }: { id: UserId }): Promise<string[]> {
  return runInDurableObject(timelineOf({ id }), (_object, { storage }) =>
    storage.sql
      .exec<{ name: string }>(
        `select name from sqlite_master where type = 'table' and name not like '%\\_cf\\_%' escape '\\'`,
      )
      .toArray()
      .map(({ name }) => name),
  )
}

function alarmOf({ reader }: Reader): Promise<number | null> {
  return runInDurableObject(timelineOf(reader), (_object, { storage }) => storage.getAlarm())
}

function stateOf({ reader }: Reader): Promise<string> {
  const op = deliver(1, 12 as UserId)
  return timelineOf(reader)
    .apply([op])
    .then((result) => (result.ok ? result.state : result.code))
}

describe('a timeline that nobody has read for 14 days', () => {
  it('gives back its row and its storage, and the next read builds it', async () => {
    const unread = await readLast(15)
    const [tweet] = await insertRecentTweets(unread.author, 1)
    expect(await fireAlarm(unread)).toBe(true)
    expect(await isWarmRow(unread)).toBe(false)
    expect(await tablesOf(unread.reader)).toEqual([])
    expect(await alarmOf(unread)).toBeNull()
    expect(await homeIds(unread.reader)).toEqual([tweet])
    expect(await isWarmRow(unread)).toBe(true)
  })

  it('keeps nothing that is delivered from then on', async () => {
    const unread = await readLast(15)
    await fireAlarm(unread)
    expect(await timelineOf(unread.reader).apply([deliver(1, unread.author.id)])).toEqual({
      ok: true,
      state: 'cold',
    })
    const kept = await runInDurableObject(timelineOf(unread.reader), (_object, { storage }) =>
      storage.sql.exec('select (select count(*) from entries) + (select count(*) from log) as n').one(),
    )
    expect(kept).toEqual({ n: 0 })
  })

  it('leaves the row of a later build alone', async () => {
    const unread = await readLast(15, EPOCH + 1)
    await fireAlarm(unread)
    expect(await isWarmRow(unread)).toBe(true)
  })

  it('takes nothing in while the database does not hear of it, and tries again', async () => {
    const unread = await readLast(15)
    {
      using _gate = refuseDatabase(naming(unread.reader.id))
      expect(await fireAlarm(unread)).toBe(true)
    }
    expect(await isWarmRow(unread)).toBe(true)
    expect(await stateOf(unread)).toBe('cold')
    expect(await alarmOf(unread)).toBeLessThanOrEqual(Date.now() + DAY_MS / 24)
    await fireAlarm(unread)
    expect(await isWarmRow(unread)).toBe(false)
    expect(await tablesOf(unread.reader)).toEqual([])
  })

  it('is not cooled by a read that comes while it cools', async () => {
    const unread = await readLast(15)
    using held = holdDatabase(({ text }) => text.includes('delete from timelines'), 'before')
    const cooling = fireAlarm(unread)
    await held.reached
    const page = homeIds(unread.reader)
    expect(await page).toEqual([])
    held.release()
    await cooling
    expect(await isWarmRow(unread)).toBe(true)
    expect(await stateOf(unread)).toBe('warm')
  })
})

describe('a timeline that stays', () => {
  it('was read lately: the alarm comes again when its 14 days are over', async () => {
    const read = await readLast(5)
    await fireAlarm(read)
    expect(await stateOf(read)).toBe('warm')
    expect(await isWarmRow(read)).toBe(true)
    const alarm = (await alarmOf(read)) ?? 0
    expect(Math.abs(alarm - Date.now() - 9 * DAY_MS)).toBeLessThan(60_000)
  })

  it('notes a read once a day, which puts the alarm off', async () => {
    const read = await readLast(5)
    await homeIds(read.reader)
    expect(await alarmOf(read)).toBeGreaterThan(Date.now() + 13.9 * DAY_MS)
    await fireAlarm(read)
    expect(await alarmOf(read)).toBeGreaterThan(Date.now() + 13.9 * DAY_MS)
  })

  it('is being built', async () => {
    const [reader, author] = await insertPeople(2)
    if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
    using held = holdDatabase(
      (trip) => trip.text.includes(`'followees'`) && naming(reader.id)(trip),
      'before',
    )
    const building = homeIds(reader)
    await held.reached
    expect(await fireAlarm({ reader, author })).toBe(true)
    held.release()
    expect(await building).toEqual([])
    expect(await isWarmRow({ reader, author })).toBe(true)
  })
})

describe('a build that failed and is never tried again', () => {
  it('is cooled, too', async () => {
    const [reader, author] = await insertPeople(2)
    if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
    {
      using _gate = refuseDatabase((trip) => trip.text.includes(`'followees'`) && naming(reader.id)(trip))
      await expect(homeIds(reader)).rejects.toThrow('unavailable')
    }
    expect(await isWarmRow({ reader, author })).toBe(true)
    expect(await fireAlarm({ reader, author })).toBe(true)
    expect(await isWarmRow({ reader, author })).toBe(false)
    expect(await tablesOf(reader)).toEqual([])
  })
})
