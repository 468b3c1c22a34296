import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { withClient } from '../../tools/stack/databases.ts'
import { startEmbeddedPostgres } from '../../tools/stack/embedded-postgres.ts'
import { freePort } from '../../tools/stack/ports.ts'
import { until } from '../../tools/stack/until.ts'
import {
  newPlace,
  type Place,
  processesOf,
  type Stack,
  signalGroup,
  spawnStack,
  untilReady,
} from './harness/stack.ts'

const PASSWORD = 'correct horse battery'
const START_TIMEOUT_MS = 90_000

async function placeForThisTest(): Promise<Place> {
  const place = await newPlace()
  onTestFinished(() => place.clear())
  return place
}

function post(stack: Stack, path: string, body: object): Promise<Response> {
  return fetch(stack.url(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function register(stack: Stack): Promise<string> {
  const username = `user_${crypto.randomUUID().slice(0, 8)}`
  const response = await post(stack, '/api/auth/register', {
    username,
    email: `${username}@example.com`,
    password: PASSWORD,
    display_name: 'Somebody',
  })
  expect(response.status).toBe(201)
  return username
}

async function canSignIn(stack: Stack, username: string, password = PASSWORD): Promise<boolean> {
  return (await post(stack, '/api/auth/login', { username, password })).status === 200
}

/** Runs a stack that cannot start, and answers what it said last. */
async function failureOf(place: Place, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const stack = spawnStack(place, env)
  expect(await stack.ended).toBe(1)
  const lines = stack.output().trim().split('\n')
  return lines.at(-1) ?? ''
}

async function expectNothingLeft({ dataDir }: Place) {
  await until(async () => (await processesOf(dataDir)).length === 0, { withinMs: 5_000 })
  expect(await processesOf(dataDir)).toEqual([])
}

describe('a running stack', () => {
  let stack: Stack

  beforeAll(async () => {
    const env = { ALLOWED_ORIGINS: 'https://birds.example', npm_config_loglevel: 'error' }
    stack = await untilReady(spawnStack(await newPlace(), env, ['npm', 'run', 'dev']))
  }, START_TIMEOUT_MS)

  afterAll(() => stack.place.clear())

  it('serves the API, and prints where everything is', async () => {
    expect((await fetch(stack.url('/api/health'))).status).toBe(200)
    expect((await fetch(stack.url('/docs'))).status).toBe(200)
    for (const path of ['/api', '/docs', '/api/stream'])
      expect(stack.output()).toContain(`:${stack.place.port}${path}\n`)
  })

  it('prints an account of the demo community to sign in with', async () => {
    const [, username = '', password = ''] = /Sign in +(\S+) \/ (\S+)/.exec(stack.output()) ?? []
    expect(await canSignIn(stack, username, password)).toBe(true)
  })

  it('takes [vars] from environment variables of the same name', async () => {
    const allowed = async (origin: string) => {
      const response = await fetch(stack.url('/api/health'), { headers: { origin } })
      return response.headers.get('access-control-allow-origin')
    }
    expect(await allowed('https://birds.example')).toBe('https://birds.example')
    expect(await allowed('https://cats.example')).not.toBe('https://cats.example')
  })

  it('fires the cron handlers', async () => {
    const { databaseUrl } = JSON.parse(await readFile(join(stack.place.dataDir, 'stack.json'), 'utf8'))
    const lastRun = () =>
      withClient(databaseUrl, (client) =>
        client.query('select from cron_state limit 1').then(({ rowCount }) => rowCount),
      )
    expect(await until(async () => (await lastRun()) !== 0, { withinMs: 20_000 })).toBe(true)
  })

  it('keeps a second one off its data and off its port', async () => {
    const { port, dataDir } = stack.place
    const elsewhere = await placeForThisTest()
    const sharing = await failureOf({ ...elsewhere, dataDir })
    expect(sharing).toMatch(
      /^Another stack \(process \d+ on port \d+\) uses .+: end it, or set DATA_DIR and PORT/,
    )
    expect(await failureOf({ ...elsewhere, port })).toBe(
      `Port ${port} is in use: end what listens there, or choose another, as in PORT=${port + 1} npm run dev.`,
    )
    expect((await fetch(stack.url('/api/health'))).status).toBe(200)
  })

  it(
    'lets another run beside it, which ends whole on SIGTERM',
    async () => {
      const place = await placeForThisTest()
      const other = await untilReady(spawnStack(place))
      const [here, there] = [await register(stack), await register(other)]
      expect([await canSignIn(stack, here), await canSignIn(stack, there)]).toEqual([true, false])
      expect([await canSignIn(other, here), await canSignIn(other, there)]).toEqual([false, true])

      other.process.kill('SIGTERM')
      expect(await other.ended).toBe(0)
      expect(await processesOf(place.dataDir)).toEqual([])
      expect(await canSignIn(stack, here)).toBe(true)
    },
    START_TIMEOUT_MS,
  )

  it('leaves nothing behind when npm is told to end', async () => {
    stack.process.kill('SIGTERM')
    await stack.ended
    await expectNothingLeft(stack.place)
  })
})

describe('a stack that was killed', () => {
  it(
    'starts again with every acknowledged write, whether its children were killed or not',
    async () => {
      const place = await placeForThisTest()
      let stack = await untilReady(spawnStack(place))
      const users = [await register(stack)]
      signalGroup(stack, 'SIGKILL')
      await stack.ended

      stack = await untilReady(spawnStack(place))
      users.push(await register(stack))
      stack.process.kill('SIGKILL')
      await stack.ended
      expect(await processesOf(place.dataDir)).not.toEqual([])

      stack = await untilReady(spawnStack(place))
      for (const username of users) expect(await canSignIn(stack, username)).toBe(true)
      signalGroup(stack, 'SIGINT')
      expect(await stack.ended).toBe(0)
      await expectNothingLeft(place)
    },
    START_TIMEOUT_MS,
  )
})

describe('a stack that cannot start says what to do', () => {
  it('about a data folder that cannot be used', async () => {
    const place = await placeForThisTest()
    const file = join(place.dataDir, 'file')
    await writeFile(file, '')
    expect(await failureOf({ ...place, dataDir: join(file, 'data') })).toMatch(
      /^The data folder .+ cannot be used \(ENOTDIR.+\): make it readable and writable, or set DATA_DIR to another\.$/,
    )
  })

  it('about a migration that fails, and leaves nothing running', async () => {
    const place = await placeForThisTest()
    const server = await startEmbeddedPostgres({ dataDir: place.dataDir })
    await withClient(server.urlOf(), (client) => client.query('create table users ()'))
    await server.stop()
    expect(await failureOf(place)).toMatch(
      /^Migration .+0000_init\.sql failed: relation "users" already exists\. Nothing was applied: correct/,
    )
    await expectNothingLeft(place)
  })

  it('about a database that cannot be reached', async () => {
    const DATABASE_URL = `postgres://postgres:postgres@127.0.0.1:${await freePort()}/warbler`
    expect(await failureOf(await placeForThisTest(), { DATABASE_URL })).toMatch(
      /^The database 127\.0\.0\.1:\d+\/warbler of DATABASE_URL cannot be used \(.+ECONNREFUSED.+\): start or correct it/,
    )
  })

  it('about a variable that makes no sense', async () => {
    const failure = await failureOf(await placeForThisTest(), { PORT: 'eighty' })
    expect(failure).toBe('PORT must be a port number, and is "eighty".')
  })
})

describe('a stack with a database of its own choice', () => {
  it(
    'uses it instead of an embedded one',
    async () => {
      const [place, databasePlace] = [await placeForThisTest(), await placeForThisTest()]
      const server = await startEmbeddedPostgres({ dataDir: databasePlace.dataDir, durable: false })
      const stack = await untilReady(spawnStack(place, { DATABASE_URL: server.urlOf() }))
      const username = await register(stack)
      const found = await withClient(server.urlOf(), (client) =>
        client.query('select from users where username = $1', [username]),
      )
      expect(found.rowCount).toBe(1)
      stack.process.kill('SIGTERM')
      expect(await stack.ended).toBe(0)
      await server.stop()
    },
    START_TIMEOUT_MS,
  )
})
