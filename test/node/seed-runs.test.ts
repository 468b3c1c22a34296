import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SEED_PASSWORD, type SeedRequest, seedCommunity } from '../../tools/seed/seed-community.ts'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'
import { StackError } from '../../tools/stack/stack-error.ts'
import { count, type ScratchDatabases, select, startScratchDatabases } from './harness/scratch-databases.ts'

const run = promisify(execFile)

const NOW_MS = Date.UTC(2026, 9, 20, 18, 30)
const DAY_MS = 86_400_000
const REQUEST: SeedRequest = { users: 60, tweets: 400, seed: 'test', nowMs: NOW_MS }

let databases: ScratchDatabases

beforeAll(async () => {
  databases = await startScratchDatabases()
})

afterAll(() => databases.stop())

describe('seeding', () => {
  /** All rows of the community but for the salt of its password. */
  async function fingerprint(databaseUrl: string) {
    const [row] = await select(
      databaseUrl,
      ['users', 'follows', 'tweets', 'likes', 'retweets', 'hashtags', 'tweet_hashtags', 'tweet_mentions']
        .map(
          (table) =>
            `(select md5(string_agg(r, ',' order by r)) from (select (to_jsonb(${table}) - 'password_hash')::text as r from ${table}) rows) as ${table}`,
        )
        .join(', ')
        .replace(/^/, 'select '),
    )
    return row
  }

  it('makes the same rows of the same seed, numbers and moment', async () => {
    const [one, two, other] = await Promise.all([databases.create(), databases.create(), databases.create()])
    await seedCommunity(one, REQUEST)
    await seedCommunity(two, REQUEST)
    await seedCommunity(other, { ...REQUEST, seed: 'another' })
    expect(await fingerprint(two)).toEqual(await fingerprint(one))
    expect(await fingerprint(other)).not.toEqual(await fingerprint(one))
  })

  it('leaves a community that is there already as it is, also a day later', async () => {
    const database = await databases.create()
    const first = await seedCommunity(database, REQUEST)
    const before = await fingerprint(database)
    const second = await seedCommunity(database, { ...REQUEST, nowMs: NOW_MS + DAY_MS })
    expect(second).toEqual({ isNew: false, star: first.star })
    expect(await fingerprint(database)).toEqual(before)
  })

  it('adds other communities to what is there', async () => {
    const database = await databases.create()
    await seedCommunity(database, REQUEST)
    await seedCommunity(database, { ...REQUEST, seed: 'another' })
    await seedCommunity(database, { ...REQUEST, tweets: 500 })
    expect(await count(database, 'users')).toBe(180)
    expect(await count(database, 'tweets')).toBe(1_300)
    expect(
      await count(
        database,
        'hashtags h where tweet_count <> (select count(*) from tweet_hashtags t where t.hashtag_id = h.id)',
      ),
    ).toBe(0)
  })

  it('takes turns with another one that seeds the same', async () => {
    const database = await databases.create()
    const both = await Promise.all([seedCommunity(database, REQUEST), seedCommunity(database, REQUEST)])
    expect(both.map(({ isNew }) => isNew).sort()).toEqual([false, true])
    expect(await count(database, 'tweets')).toBe(REQUEST.tweets)
  })

  it('writes nothing when somebody has one of its names', async () => {
    const [rehearsal, database] = await Promise.all([databases.create(), databases.create()])
    const { star } = await seedCommunity(rehearsal, REQUEST)
    await select(
      database,
      `insert into users (id, username, email, password_hash, display_name) values (1, upper('${star}'), 'a@b.example', '', 'A')`,
    )
    await expect(seedCommunity(database, REQUEST)).rejects.toThrow(StackError)
    expect(await count(database, 'users')).toBe(1)
    expect(await count(database, 'hashtags')).toBe(0)
  })

  it('writes all or nothing', async () => {
    const database = await databases.create()
    await select(
      database,
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'no likes today'; end $$;
       create trigger refuse before insert on likes execute function refuse()`,
    )
    await expect(seedCommunity(database, REQUEST)).rejects.toThrow('no likes today')
    for (const table of ['users', 'tweets', 'hashtags']) expect(await count(database, table)).toBe(0)
    await select(database, 'drop trigger refuse on likes')
    expect(await seedCommunity(database, REQUEST)).toMatchObject({ isNew: true })
    expect(await count(database, 'tweets')).toBe(REQUEST.tweets)
  })

  it('is a command that says what it did, and what is wrong with its arguments', async () => {
    const database = await databases.create()
    const seed = (...args: string[]) =>
      run(process.execPath, [join(PROJECT_ROOT, 'tools', 'seed.ts'), ...args], {
        env: { ...process.env, DATABASE_URL: database },
      })
    const first = await seed('--users', '30', '--tweets', '90')
    expect(first.stdout).toContain('Seeding 30 people and 90 tweets')
    expect(first.stdout).toContain('All of it is there now')
    expect(first.stdout).toContain(SEED_PASSWORD)
    expect(first.stderr).toContain('100 %')
    const second = await seed('--users', '30', '--tweets', '90')
    expect(second.stdout).toContain('is there already')
    await expect(seed('--users', 'many')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--users must be'),
    })
    await expect(seed('--now', '2999-01-01')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--now must be'),
    })
  })
})
