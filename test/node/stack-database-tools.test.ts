import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createDatabase } from '../../tools/stack/databases.ts'
import { prepareDatabase } from '../../tools/stack/migrate.ts'
import { lockFolder } from '../../tools/stack/stack-file.ts'
import { until } from '../../tools/stack/until.ts'
import { withDatabase } from '../../tools/stack/with-database.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { temporaryFolder } from './harness/temporary-folder.ts'

const TOOLS = join(import.meta.dirname, '..', '..', 'tools')

let database: TestDatabase

beforeAll(async () => {
  database = await startTestDatabase()
})

afterAll(() => database.stop())

async function folderForThisTest(): Promise<string> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder.remove())
  return folder.path
}

/** A tool run to its end, on the test's database unless `env` says otherwise. */
function run(
  tool: string,
  args: string[] = [],
  env: NodeJS.ProcessEnv = { DATABASE_URL: database.databaseUrl },
) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    const options = { env: { ...process.env, DATABASE_URL: '', ...env } }
    execFile(process.execPath, [join(TOOLS, tool), ...args], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr })
    })
  })
}

describe('migrations', () => {
  async function migrationsFolder(migrations: Record<string, string>): Promise<string> {
    const folder = await folderForThisTest()
    await mkdir(join(folder, 'meta'))
    const entries = Object.keys(migrations).map((tag, idx) => ({
      idx,
      version: '7',
      when: idx + 1,
      tag,
      breakpoints: true,
    }))
    await writeFile(
      join(folder, 'meta', '_journal.json'),
      JSON.stringify({ version: '7', dialect: 'postgresql', entries }),
    )
    for (const [tag, sql] of Object.entries(migrations)) await writeFile(join(folder, `${tag}.sql`), sql)
    return folder
  }

  async function emptyDatabase(): Promise<string> {
    const name = `db_${crypto.randomUUID()}`
    await createDatabase(database.databaseUrl, name)
    return Object.assign(new URL(database.databaseUrl), { pathname: `/${name}` }).href
  }

  it('are applied once, also by several at once', async () => {
    const [url, folder] = [
      await emptyDatabase(),
      await migrationsFolder({ '0000_one': 'create table one ()' }),
    ]
    await Promise.all([1, 2, 3, 4].map(() => prepareDatabase(url, folder)))
    await prepareDatabase(url, folder)
  })

  it('name the one that fails, and leave nothing of it', async () => {
    const url = await emptyDatabase()
    const good = 'create table good ();'
    const folder = await migrationsFolder({
      '0000_good': good,
      '0001_bad': 'create table half ();\n--> statement-breakpoint\nselect nothing;',
    })
    await expect(prepareDatabase(url, folder)).rejects.toThrow(
      `Migration ${folder}/0001_bad.sql failed: column "nothing" does not exist. Nothing was applied: correct`,
    )
    await prepareDatabase(
      url,
      await migrationsFolder({ '0000_good': good, '0001_mended': 'create table half ();' }),
    )
  })

  it('are what npm run db:migrate applies', async () => {
    const url = await emptyDatabase()
    const { code, output } = await run('db-migrate.ts', [], { DATABASE_URL: url })
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringMatching(/^The database .+ is up to date\.\n$/),
    })
  })
})

describe('a tool that needs the database', () => {
  it('gets that of DATABASE_URL', async () => {
    expect(await withDatabase(async (url) => url, { DATABASE_URL: database.databaseUrl })).toBe(
      database.databaseUrl,
    )
  })

  it('gets that of the stack running on the data folder', async () => {
    const dataDir = await folderForThisTest()
    const lock = await lockFolder(dataDir)
    await expect(withDatabase(async (url) => url, { DATA_DIR: dataDir })).rejects.toThrow('still starting')
    await lock.publish({ databaseUrl: database.databaseUrl })
    expect(await withDatabase(async (url) => url, { DATA_DIR: dataDir })).toBe(database.databaseUrl)
    await lock.release()
  })

  it('gets the embedded one of the data folder when nothing runs there, which ends with it', async () => {
    const dataDir = await folderForThisTest()
    const url = await withDatabase(
      async (databaseUrl) => {
        await expect(lockFolder(dataDir)).rejects.toThrow('Another stack')
        await prepareDatabase(databaseUrl)
        return databaseUrl
      },
      { DATA_DIR: dataDir },
    )
    await expect(prepareDatabase(url)).rejects.toThrow('ECONNREFUSED')
    await (await lockFolder(dataDir)).release()
  })
})

describe('npm run outbox', () => {
  const insert = async (text: string, values: unknown[]): Promise<string> => {
    const { rows }: pg.QueryResult<{ id: string }> = await database.pool.query(`${text} returning id`, values)
    return rows[0]?.id ?? ''
  }
  const outboxRow = (queue: string) =>
    insert(
      "insert into outbox (queue, message, attempts, next_attempt_at, dead_at) values ($1, '{}', 9, now(), now())",
      [queue],
    )
  const deadLetter = (queue: string, outboxId: string | null) =>
    insert(
      `insert into dead_letters (queue, outbox_id, message, error) values ($1, $2, '{"v": 1}', 'it broke')`,
      [queue, outboxId],
    )
  const dueIn = async (queue: string) => {
    const { rows } = await database.pool.query(
      'select id, message from outbox where queue = $1 and dead_at is null and attempts = 0 and next_attempt_at <= now()',
      [queue],
    )
    return rows
  }
  const letters = async (queue: string) =>
    (await database.pool.query('select from dead_letters where queue = $1', [queue])).rowCount

  it('lists the dead letters', async () => {
    const id = await deadLetter('listed', null)
    const { code, output } = await run('outbox.ts', ['list'])
    expect(code).toBe(0)
    expect(output).toMatch(/^id +died at +queue +error +message$/m)
    expect(output).toMatch(
      new RegExp(`^${id} +\\d{4}-\\d\\d-\\d\\dT[\\d:]{8}Z +listed +it broke +{"v": 1}$`, 'm'),
    )
  })

  it('replays a letter from its own outbox row', async () => {
    const row = await outboxRow('own-row')
    const id = await deadLetter('own-row', row)
    expect(await run('outbox.ts', ['replay', id])).toMatchObject({ code: 0 })
    expect(await dueIn('own-row')).toEqual([{ id: row, message: {} }])
    expect(await letters('own-row')).toBe(0)
  })

  it('replays a letter whose row is gone from a new one', async () => {
    const [first, second] = [await deadLetter('row-gone', '987654321'), await deadLetter('row-gone', null)]
    expect(await run('outbox.ts', ['replay', first, second])).toMatchObject({ code: 0 })
    expect(await dueIn('row-gone')).toMatchObject([{ message: { v: 1 } }, { message: { v: 1 } }])
  })

  it('replays all, and says so when there is no such letter', async () => {
    await deadLetter('all', null)
    expect(await run('outbox.ts', ['replay', '--all'])).toMatchObject({ code: 0 })
    expect(await letters('all')).toBe(0)
    expect(await dueIn('all')).toHaveLength(1)
    expect(await run('outbox.ts', ['list'])).toEqual({ code: 0, output: 'No dead letters.\n' })
    expect(await run('outbox.ts', ['replay', '4242'])).toEqual({
      code: 1,
      output: 'There is no dead letter 4242.\n',
    })
  })

  it.for([[], ['replay'], ['replay', 'one'], ['lost']])('says how it is used: %j', async (args) => {
    const { code, output } = await run('outbox.ts', args)
    expect([code, output]).toEqual([1, expect.stringContaining('npm run outbox -- list')])
  })
})

describe('npm run admin', () => {
  const addUser = (username: string) =>
    database.pool.query(
      `insert into users (id, username, email, password_hash, display_name)
       select coalesce(max(id), 0) + 1, $1::text, $1::text || '@example.com', '', $1::text from users`,
      [username],
    )
  const roleOf = async (username: string) =>
    (await database.pool.query('select role from users where username = $1', [username])).rows[0]?.role
  const grant = (...args: string[]) => run('admin.ts', ['grant', ...args])

  it('makes a moderator of a user, an admin, or a user again, and says what it takes', async () => {
    await addUser('Ada_Admin')
    const { code, output } = await grant('@ada_admin')
    expect(code).toBe(0)
    expect(output).toContain('@Ada_Admin has the role moderator.')
    expect(output).toContain('a new token')
    expect(await roleOf('Ada_Admin')).toBe('moderator')
    for (const role of ['admin', 'moderator', 'user']) {
      expect(await grant('Ada_Admin', role)).toMatchObject({ code: 0 })
      expect(await roleOf('Ada_Admin')).toBe(role)
    }
  })

  it('lists who moderates', async () => {
    await addUser('plain')
    expect(await run('admin.ts', ['list'])).toEqual({ code: 0, output: 'Nobody moderates.\n' })
    for (const name of ['zoe', 'abe']) await addUser(name)
    await grant('zoe', 'admin')
    await grant('abe')
    const { output } = await run('admin.ts', ['list'])
    expect(output).toBe('username  role\nzoe       admin\nabe       moderator\n')
    for (const name of ['zoe', 'abe']) await grant(name, 'user')
  })

  it('says so when there is nobody of that name', async () => {
    expect(await grant('nobody_at_all')).toEqual({ code: 1, output: 'There is no user nobody_at_all.\n' })
  })

  it.for([
    [],
    ['grant'],
    ['grant', 'a b'],
    ['grant', 'ada', 'king'],
    ['grant', 'ada', 'user', 'x'],
    ['list', 'x'],
    ['lost'],
  ])('says how it is used: %j', async (args) => {
    const { code, output } = await run('admin.ts', args)
    expect([code, output]).toEqual([1, expect.stringContaining('npm run admin -- list')])
  })
})

describe('npm run search:reindex', () => {
  const step = (of: string, after_id: number) => ({ type: 'reindex', v: 1, of, after_id })
  const owed = async () => {
    const { rows } = await database.pool.query<{ message: unknown }>(
      "select message from outbox where queue = 'search'",
    )
    return rows.map(({ message }) => message)
  }
  const takeStep = (next: object) =>
    database.pool.query("update outbox set message = $1 where queue = 'search'", [next])

  it('owes all people and tweets, and shows how far the Worker is', async () => {
    await database.pool.query(
      `insert into users (id, username, email, password_hash, display_name)
       select n, 'found_' || n, n || '@found.example', '', '' from generate_series(900001, 900020) n`,
    )
    const ended = run('search-reindex.ts')
    expect(await until(async () => (await owed()).length > 0, { withinMs: 20_000 })).toBe(true)
    expect(await owed()).toEqual([step('people', 0)])
    await takeStep(step('people', 900_010))
    await takeStep(step('tweets', 0))
    await database.pool.query("delete from outbox where queue = 'search'")
    const { code, output } = await ended
    expect([code, output]).toEqual([0, expect.stringContaining('100 %')])
    expect(await owed()).toEqual([])
  })

  it('begins none where one is under way, and says where that has died', async () => {
    await database.pool.query(
      "insert into outbox (queue, message, next_attempt_at, dead_at) values ('search', $1, now(), now())",
      [step('tweets', 5)],
    )
    const { code, output } = await run('search-reindex.ts')
    expect([code, output]).toEqual([1, expect.stringContaining('npm run outbox -- replay')])
    expect(await owed()).toEqual([step('tweets', 5)])
    await database.pool.query("delete from outbox where queue = 'search'")
  })
})
