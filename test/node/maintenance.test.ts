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
let actor: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

beforeEach(async () => {
  ;[user, actor] = [await people.addUser(), await people.addUser()]
})

/** What is there of a kind of rows, named by what the test calls them. */
interface Kind {
  /** Adds rows named so: what has expired for so long, in seconds; null for what has not. */
  add(names: readonly string[], expiredSeconds: number | null): Promise<void>
  left(): Promise<string[]>
}

const ids = (names: readonly string[]) => names.map(Number)

async function namesIn(query: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(query, [user])
  return rows.map(({ name }) => name).sort()
}

const KINDS: Record<string, Kind & { enough: number; tooLittle: number }> = {
  'muted words': {
    enough: 1,
    tooLittle: -60,
    add: async (names, seconds) => {
      await database.pool.query(
        `insert into muted_words (user_id, phrase, folded, expires_at)
         select $1, name, name, now() - make_interval(secs => $3) from unnest($2::text[]) name`,
        [user, names, seconds],
      )
    },
    left: () => namesIn('select phrase as name from muted_words where user_id = $1'),
  },
  'withdrawn notifications': {
    enough: 86_401,
    tooLittle: 86_000,
    add: async (names, seconds) => {
      await database.pool.query(
        `insert into notifications (user_id, actor_id, type, tweet_id, withdrawn_at)
         select $1, $2, 'like', tweet, now() - make_interval(secs => $4) from unnest($3::bigint[]) tweet`,
        [user, actor, ids(names), seconds],
      )
    },
    left: () => namesIn('select tweet_id::text as name from notifications where user_id = $1'),
  },
}

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  it('are deleted once they have expired, and no sooner', async () => {
    await kind.add(['1', '2'], kind.enough)
    await kind.add(['3'], kind.tooLittle)
    await kind.add(['4'], null)
    await deleteExpired(db)
    expect(await kind.left()).toEqual(['3', '4'])
  })

  it('are deleted so many at a time', async () => {
    await kind.add(['1', '2', '3'], kind.enough)
    await deleteExpired(db, 2)
    expect(await kind.left()).toHaveLength(1)
    await deleteExpired(db, 2)
    expect(await kind.left()).toEqual([])
  })
})

const addGroup = (tweet: number, total: number) =>
  database.pool.query(
    `insert into notification_groups (user_id, type, tweet_id, latest_id, latest_at, total, actor_ids)
     values ($1, 'like', $2, 1, now(), $3, '{}')`,
    [user, tweet, total],
  )
const groups = () => namesIn('select tweet_id::text as name from notification_groups where user_id = $1')

describe('groups of notifications', () => {
  it('are deleted when nothing is left in them', async () => {
    await addGroup(1, 0)
    await addGroup(2, -1)
    await addGroup(3, 1)
    await deleteExpired(db)
    expect(await groups()).toEqual(['3'])
  })

  it('are deleted so many at a time', async () => {
    for (const tweet of [1, 2, 3]) await addGroup(tweet, 0)
    await deleteExpired(db, 2)
    expect(await groups()).toHaveLength(1)
  })
})

describe('what comes back while the others are deleted', () => {
  it('stays, and nobody waits for it', async () => {
    await addGroup(1, 0)
    await KINDS['withdrawn notifications']?.add(['1'], 86_401)
    const comesBack = [
      { text: 'update notification_groups set total = 1 where user_id = $1', values: [user] },
      { text: 'update notifications set withdrawn_at = null where user_id = $1', values: [user] },
    ]
    await inTransaction(database.pool, comesBack, () => deleteExpired(db))
    expect(await groups()).toEqual(['1'])
    expect(await KINDS['withdrawn notifications']?.left()).toEqual(['1'])
  })
})

describe('a run', () => {
  it('finds what has expired by an index, among however much has not', async () => {
    await database.pool.query(
      `insert into notification_groups (user_id, type, tweet_id, latest_id, latest_at, total, actor_ids)
       select $1, 'like', n, n, now(), 1, '{}' from generate_series(1, 5000) n`,
      [user],
    )
    await database.pool.query('vacuum analyze notification_groups')
    await addGroup(9_999, 0)
    const steps = await stepsOf(database.pool, () => deleteExpired(db))
    expect(steps.flatMap(({ index }) => index ?? [])).toEqual(['notification_groups_empty'])
    expect(await groups()).toHaveLength(5000)
  })
})
