import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteExpired } from '../../src/db/statements/maintenance.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction } from './harness/community.ts'
import { stepsOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

let database: TestDatabase
let people: Community
let db: Db
let user: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

beforeEach(async () => {
  user = await people.addUser()
})

/** Mutes words that have expired so many seconds ago; for good for null. */
async function mute(words: readonly string[], expiredSeconds: number | null): Promise<void> {
  await database.pool.query(
    `insert into muted_words (user_id, phrase, folded, expires_at)
     select $1, word, word, now() - make_interval(secs => $3) from unnest($2::text[]) word`,
    [user, words, expiredSeconds],
  )
}

async function muted(): Promise<string[]> {
  const { rows } = await database.pool.query<{ phrase: string }>(
    'select phrase from muted_words where user_id = $1 order by phrase',
    [user],
  )
  return rows.map(({ phrase }) => phrase)
}

describe('muted words', () => {
  it('are deleted once they have expired, and no sooner', async () => {
    await mute(['a', 'b'], 1)
    await mute(['c'], -60)
    await mute(['d'], null)
    await deleteExpired(db)
    expect(await muted()).toEqual(['c', 'd'])
  })

  it('are deleted so many at a time', async () => {
    await mute(['a', 'b', 'c'], 1)
    await deleteExpired(db, 2)
    expect(await muted()).toHaveLength(1)
    await deleteExpired(db, 2)
    expect(await muted()).toEqual([])
  })

  it('that are muted for longer meanwhile stay, and nobody waits for them', async () => {
    await mute(['a'], 1)
    const longer = { text: 'update muted_words set expires_at = null where user_id = $1', values: [user] }
    await inTransaction(database.pool, [longer], () => deleteExpired(db))
    expect(await muted()).toEqual(['a'])
  })

  it('are found by an index, among however many that have not expired', async () => {
    const many = Array.from({ length: 5000 }, (_, n) => `word ${n}`)
    await mute(many, -3600)
    await database.pool.query('vacuum analyze muted_words')
    await mute(['late'], 1)
    const steps = await stepsOf(database.pool, () => deleteExpired(db))
    expect(steps.flatMap(({ index }) => index ?? [])).toContain('muted_words_expire')
    expect(await muted()).toHaveLength(5000)
  })
})

describe('mutes of people', () => {
  it('are deleted once they have expired, and no sooner', async () => {
    const [muter, ended, lasting, endless] = await people.addUsers(4)
    await database.pool.query(
      `insert into mutes (muter_id, muted_id, expires_at)
       values ($1, $2, now() - interval '1 second'), ($1, $3, now() + interval '1 minute'), ($1, $4, null)`,
      [muter, ended, lasting, endless],
    )
    await deleteExpired(db)
    const { rows } = await database.pool.query(
      'select muted_id from mutes where muter_id = $1 order by muted_id',
      [muter],
    )
    expect(rows.map(({ muted_id }) => Number(muted_id))).toEqual(
      [lasting, endless].toSorted((a, b) => Number(a) - Number(b)),
    )
  })
})
