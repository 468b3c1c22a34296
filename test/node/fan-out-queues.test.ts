import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestHarness, type TestHarness, unstable_readConfig } from 'wrangler'
import { z } from 'zod'
import { shardOf, type UserId } from '../../src/domain/ids.ts'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'
import { until } from '../../tools/stack/until.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { type TemporaryFolder, temporaryFolder } from './harness/temporary-folder.ts'

/** What an operator adds to have a second queue. */
const SECOND_QUEUE = `
[[queues.producers]]
binding = "FAN_OUT_1"
queue = "warbler-fan-out-1"

[[queues.consumers]]
queue = "warbler-fan-out-1"
max_batch_size = 10
max_batch_timeout = 0
max_retries = 8
retry_delay = 1
dead_letter_queue = "warbler-dead-letters"
`

let folder: TemporaryFolder
let database: TestDatabase
let server: TestHarness

/** The project as it is, but for what is added to its wrangler.toml. */
async function projectWith(addition: string): Promise<TemporaryFolder> {
  const project = await temporaryFolder()
  const kept = (await readdir(PROJECT_ROOT)).filter(
    (name) => name !== 'wrangler.toml' && !name.startsWith('.'),
  )
  for (const name of new Set([...kept, 'dist'])) {
    await symlink(join(PROJECT_ROOT, name), join(project.path, name))
  }
  const config = await readFile(join(PROJECT_ROOT, 'wrangler.toml'), 'utf8')
  await writeFile(join(project.path, 'wrangler.toml'), config + addition)
  return project
}

beforeAll(async () => {
  database = await startTestDatabase()
  folder = await projectWith(SECOND_QUEUE)
  server = createTestHarness({
    root: folder.path,
    workers: [
      {
        configPath: 'wrangler.toml',
        vars: { DATABASE_ENDPOINT: database.endpointUrl, RATE_LIMITS: 'off' },
        secrets: {
          DATABASE_URL: database.databaseUrl,
          JWT_SECRET: 'test-access-secret-of-32-characters!',
          REFRESH_SECRET: 'test-refresh-secret-of-32-characters',
        },
      },
      { configPath: 'src/passwords/wrangler.toml' },
      { configPath: 'src/search/wrangler.toml' },
    ],
  })
  await server.listen()
})

afterAll(async () => {
  await server?.close()
  await database?.stop()
  await folder?.remove()
})

async function call(method: string, path: string, token?: string, body?: object): Promise<unknown> {
  const response = await server.fetch(`/api${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}

const person = z.object({ accessToken: z.string(), user: z.object({ id: z.number() }) })
type Person = z.infer<typeof person>

async function register(): Promise<Person> {
  const username = `user_${crypto.randomUUID().slice(0, 8)}`
  const body = {
    username,
    email: `${username}@example.com`,
    password: 'seven purple herons',
    display_name: 'x',
  }
  return person.parse(await call('POST', '/auth/register', undefined, body))
}

/** Somebody whose shard is even or odd. */
async function registerIn(lot: 0 | 1): Promise<Person> {
  for (;;) {
    const somebody = await register()
    if (shardOf(somebody.user.id as UserId) % 2 === lot) return somebody
  }
}

const idsOf = z.object({ tweets: z.array(z.object({ id: z.number() })) })

async function homeOf(reader: Person): Promise<number[]> {
  const { tweets } = idsOf.parse(await call('GET', '/timeline/home', reader.accessToken))
  return tweets.map(({ id }) => id)
}

async function post(author: Person): Promise<number> {
  const body = { content: 'A tweet' }
  return z.object({ id: z.number() }).parse(await call('POST', '/tweets', author.accessToken, body)).id
}

/** What is owed to timelines. */
async function owedRows(): Promise<number | null> {
  return (await database.pool.query("select from outbox where queue = 'fan-out'")).rowCount
}

const logLine = z.object({
  event: z.literal('fan_out'),
  queue: z.string(),
  messages: z.number(),
  deliveries: z.number(),
  narrowed: z.number(),
  retried: z.number(),
})

function logged(): z.infer<typeof logLine>[] {
  return server.getLogs().flatMap(({ message }) => logLine.safeParse(jsonIn(message)).data ?? [])
}

/** The queues whose batches have told somebody something. */
function queuesAtWork(): string[] {
  return [...new Set(logged().flatMap(({ queue, deliveries }) => (deliveries > 0 ? [queue] : [])))].sort()
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

describe('a second fan-out queue', () => {
  it('is there once wrangler.toml names it, and carries the tweets of its shards', async () => {
    const [even, odd, reader] = [await registerIn(0), await registerIn(1), await register()]
    for (const { user } of [even, odd]) await call('POST', `/users/${user.id}/follow`, reader.accessToken)
    expect(await homeOf(reader)).toEqual([])
    // Both follows are done with and logged.
    const isQuiet = () => logged().reduce((sum, { messages }) => sum + messages, 0) === 2
    await until(async () => isQuiet(), { withinMs: 10_000 })
    const tweets: number[] = []
    for (const [author, queues] of [
      [even, ['warbler-fan-out-0']],
      [odd, ['warbler-fan-out-1']],
    ] as const) {
      server.clearLogs()
      tweets.unshift(await post(author))
      const hasAll = async () => (await homeOf(reader)).length === tweets.length && queuesAtWork().length > 0
      await until(hasAll, { withinMs: 10_000 })
      expect(await homeOf(reader)).toEqual(tweets)
      expect(queuesAtWork()).toEqual(queues)
    }
    await until(async () => (await owedRows()) === 0, { withinMs: 10_000 })
    expect(await owedRows()).toBe(0)
  })
})

describe('an object that fails', () => {
  it('has its tweet when it is mended, by the queue’s own back-off, and nobody else waits or hears twice', async () => {
    const [author, lucky, unlucky] = [await register(), await register(), await register()]
    for (const reader of [lucky, unlucky]) {
      await call('POST', `/users/${author.user.id}/follow`, reader.accessToken)
      expect(await homeOf(reader)).toEqual([])
    }
    await until(async () => (await owedRows()) === 0, { withinMs: 10_000 })
    const name = String(unlucky.user.id)
    const storage = await server.getWorker().getDurableObjectStorage('TIMELINES', { name })
    server.clearLogs()
    await storage.exec('alter table entries rename to entries_away')
    const tweet = await post(author)
    await until(async () => logged().some(({ narrowed }) => narrowed === 1), { withinMs: 10_000 })
    expect(await homeOf(lucky)).toEqual([tweet])
    await until(async () => logged().some(({ retried }) => retried === 1), { withinMs: 10_000 })
    await storage.exec('alter table entries_away rename to entries')
    await until(async () => (await owedRows()) === 0, { withinMs: 20_000 })
    expect(await owedRows()).toBe(0)
    expect(await homeOf(unlucky)).toEqual([tweet])
    expect(await homeOf(lucky)).toEqual([tweet])
    // Told were the two, then the one who failed, again and again.
    expect(logged().flatMap(({ deliveries }) => (deliveries > 1 ? [deliveries] : []))).toEqual([2])
  })
})

const configured = z.object({
  queues: z.object({
    producers: z.array(z.object({ binding: z.string(), queue: z.string() })),
    consumers: z.array(z.looseObject({ queue: z.string() })),
  }),
})

describe('the queues of wrangler.toml', () => {
  const { producers, consumers } = configured.parse(
    unstable_readConfig({ config: join(PROJECT_ROOT, 'wrangler.toml') }, { hideWarnings: true }),
  ).queues
  const numbered = (name: string) => producers.filter(({ binding }) => binding.startsWith(`${name}_`))
  const consumerOf = (queue: string) => consumers.find((one) => one.queue === queue)

  it.each(['FAN_OUT', 'NOTIFICATIONS'])('are numbered without a gap: %s', (name) => {
    const bindings = numbered(name).map(({ binding }) => binding)
    expect(bindings).toEqual(bindings.map((_, index) => `${name}_${index}`))
    expect(bindings.length).toBeGreaterThan(0)
  })

  it('have consumers whose batches stay under the subrequests of one invocation', () => {
    for (const { queue } of numbered('FAN_OUT')) {
      expect(consumerOf(queue)).toMatchObject({
        dead_letter_queue: 'warbler-dead-letters',
        max_batch_size: 10,
      })
      expect(queue).toMatch(/^warbler-fan-out-\d+$/)
    }
  })

  it('have consumers that wait for no batch of notifications to fill', () => {
    for (const { queue } of numbered('NOTIFICATIONS')) {
      expect(consumerOf(queue)).toMatchObject({
        dead_letter_queue: 'warbler-dead-letters',
        max_batch_timeout: 0,
      })
      expect(queue).toMatch(/^warbler-notifications-\d+$/)
    }
  })
})
