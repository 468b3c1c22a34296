import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { problem } from '../../src/contracts/http/common.ts'
import { PROBLEMS } from '../../src/domain/errors.ts'
import { signAccessToken } from '../../src/services/tokens.ts'
import { configurationOf } from '../../src/worker/env.ts'
import {
  type Attack,
  brokenBodies,
  brokenFields,
  brokenIds,
  brokenPages,
  brokenParameters,
  strangeTexts,
} from './attacks.ts'
import { refuseDatabase } from './database-gate.ts'
import { ask, type Change, createWorld, type Example, examplesIn, stateOf, type World } from './examples.ts'
import { type ApiAnswer, uniqueName } from './harness.ts'
import { type Operation, readOperations } from './operations.ts'

const operations = await readOperations()
const writes = operations.filter(({ method }) => method !== 'GET')
const withBody = operations.filter(({ fields }) => fields !== null)
const withId = operations.filter(({ path }) => path.includes('{'))
const withToken = operations.filter(({ tags }) => !tags.includes('service'))
const withParameters = operations.filter((operation) => brokenParameters(operation).length > 0)
const lists = operations.filter(({ parameters }) => parameters.some(({ name }) => name === 'cursor'))

let world: World

beforeAll(async () => {
  world = await createWorld()
})

function exampleOf({ name }: Operation, of = world): Example {
  const example = examplesIn(of)[name]
  if (example === undefined) throw new Error(`${name} has no example yet: give it one in examples.ts`)
  return example
}

function send(operation: Operation, change?: Change): Promise<ApiAnswer> {
  return ask(operation, exampleOf(operation), world.token, change)
}

/** What is wrong with the answer to an attack: nothing when it is a problem document that the route declares. */
function complaintsOf(
  { responses }: Operation,
  { status, body, headers }: ApiAnswer,
  wanted?: number,
): string[] {
  const parsed = problem.safeParse(body)
  if (!parsed.success) return [`${status} is not a problem document`]
  const { type, title, status: told, code, request_id } = parsed.data
  const known = Object.entries(PROBLEMS).find(([name]) => name === code)?.[1]
  const checks = {
    [`answers ${status}, not ${wanted ?? '4xx'}`]:
      wanted === undefined ? status >= 400 && status < 500 : status === wanted,
    [`does not declare ${status} ${code}`]: responses[status]?.description.includes(`\`${code}\``) === true,
    [`has the code ${code}, of another status`]: known?.[0] === status && told === status,
    'has another type or title': type.endsWith(`/${code}`) && title === known?.[1],
    'has another content type': headers.get('content-type') === 'application/problem+json',
    'has another request id': request_id !== '' && request_id === headers.get('x-request-id'),
    'says not how to sign in': status !== 401 || headers.has('www-authenticate'),
  }
  return Object.entries(checks).flatMap(([complaint, holds]) => (holds ? [] : [complaint]))
}

async function refusesAll(operation: Operation, attacks: Attack[]): Promise<void> {
  const before = await stateOf(world)
  const failed = await Promise.all(
    attacks.map(async ({ what, change, status }) => {
      const complaints = complaintsOf(operation, await send(operation, change), status)
      return complaints.length === 0 ? [] : [`${what}: ${complaints.join('; ')}`]
    }),
  )
  expect(failed.flat()).toEqual([])
  expect(await stateOf(world)).toEqual(before)
}

it('has an example for every route, and none for what is not there', () => {
  expect(Object.keys(examplesIn(world)).sort()).toEqual(operations.map(({ name }) => name).sort())
})

describe('each route', () => {
  it.each(operations)('answers its example with a success that it declares: $name', async (operation) => {
    const own = await createWorld()
    const { status } = await ask(operation, exampleOf(operation, own), own.token)
    expect(status).toBeLessThan(300)
    expect(Object.keys(operation.responses)).toContain(String(status))
  })

  it.each(withBody)('survives strange texts, and declares what it answers: $name', async (operation) => {
    const own = await createWorld()
    const example = exampleOf(operation, own)
    const changes = strangeTexts(operation, example)
    const answers = await Promise.all(changes.map((change) => ask(operation, example, own.token, change)))
    const refused = answers.filter(({ status }) => status >= 300)
    expect(refused.flatMap((answer) => complaintsOf(operation, answer))).toEqual([])
  })

  it.each(writes)('refuses bodies that are no such thing: $name', async (operation) => {
    await refusesAll(operation, brokenBodies(operation))
  })

  it.each(withBody)('refuses each field of another type: $name', async (operation) => {
    await refusesAll(operation, brokenFields(operation, exampleOf(operation)))
  })

  it.each(withId)('refuses ids that nothing has or can have: $name', async (operation) => {
    await refusesAll(operation, brokenIds(operation, exampleOf(operation)))
  })

  it.each(withParameters)('refuses parameters that mean nothing: $name', async (operation) => {
    await refusesAll(operation, brokenParameters(operation))
  })

  it.each(lists)('refuses pages that are not there: $name', async (operation) => {
    const others = lists.filter(({ name }) => name !== operation.name)
    const foreign = await Promise.all(others.map(cursorOf))
    await refusesAll(operation, brokenPages(await cursorOf(operation), foreign))
  })

  it.each(withToken)('refuses tokens that are not good: $name', async (operation) => {
    await refusesAll(operation, await badTokens(operation))
  })
})

describe('without the database', () => {
  /** Whose timeline nobody has read: it is cold. */
  let cold: World

  beforeAll(async () => {
    cold = await createWorld()
  })

  it.each(withToken)('says when to come again, or does without: $name', async (operation) => {
    const before = await stateOf(cold)
    const example = exampleOf(operation, cold)
    const answer = await withoutDatabase(() => ask(operation, example, cold.token))
    if (example.needsNoDatabase) return expect(answer.status).toBe(200)
    expect(complaintsOf(operation, answer, 503)).toEqual([])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await stateOf(cold)).toEqual(before)
  })
})

it('refuses to strangers what only another may do', async () => {
  for (const operation of operations) {
    const { forbidden } = exampleOf(operation)
    if (forbidden === undefined) continue
    const change = { token: world.strangersToken }
    await refusesAll(operation, [{ what: 'a stranger', change, status: forbidden }])
  }
})

describe('to who has deactivated their account', () => {
  /** Signing out is let them; the others need no account. */
  const OPEN = ['POST /api/auth/logout', 'POST /api/auth/register', 'POST /api/auth/login']
  /** What they would end has ended with it. */
  const ENDED = ['DELETE /api/auth/sessions/{id}', 'DELETE /api/push/subscriptions/{id}']
  const closed = writes.filter(({ name }) => !OPEN.includes(name))
  let gone: World

  beforeAll(async () => {
    gone = await createWorld()
    const deactivation = operations.find(({ name }) => name === 'DELETE /api/users/me')
    if (deactivation === undefined) throw new Error('Nobody can deactivate their account')
    expect((await ask(deactivation, exampleOf(deactivation, gone), gone.token)).status).toBe(204)
  })

  it.each(closed)('refuses whatever changes something: $name', async (operation) => {
    const before = await stateOf(gone)
    const answer = await ask(operation, exampleOf(operation, gone), gone.token)
    expect(complaintsOf(operation, answer, ENDED.includes(operation.name) ? 404 : 401)).toEqual([])
    expect(await stateOf(gone)).toEqual(before)
  })
})

async function withoutDatabase<Result>(work: () => Promise<Result>): Promise<Result> {
  using _gate = refuseDatabase()
  return await work()
}

/** A cursor as the list itself gives it. */
async function cursorOf(list: Operation): Promise<string> {
  const { body } = await send(list, { query: 'limit=1' })
  const { pagination } = Object(body)
  expect(pagination).toMatchObject({ has_more: true, next_cursor: expect.any(String) })
  return pagination.next_cursor
}

const HOUR_MS = 3_600_000

async function badTokens({ name, security }: Operation): Promise<Attack[]> {
  const keys = configurationOf(env).settings.accessKeys
  const foreignKeys = keys.map(({ kid }) => ({
    kid,
    secret: new TextEncoder().encode(uniqueName().repeat(3)),
  }))
  const [, payload] = world.token.split('.')
  const bad = {
    garbage: 'garbage',
    'three words': 'a.b.c',
    unsigned: `${btoa('{"alg":"none"}').replaceAll('=', '')}.${payload}.`,
    'cut short': world.token.slice(0, -1),
    foreign: await signAccessToken(foreignKeys, world.viewer, Date.now()),
    expired: await signAccessToken(keys, world.viewer, Date.now() - HOUR_MS),
    refresh: world.refreshToken,
    long: `${world.token}${'A'.repeat(4_000)}`,
  }
  const attacks = Object.entries(bad).map(([what, token]) => ({ what, change: { token }, status: 401 }))
  const isRequired =
    name === 'GET /api/stream' || (security.length > 0 && security.every((way) => 'accessToken' in way))
  return isRequired ? [...attacks, { what: 'none', change: { token: null }, status: 401 }] : attacks
}
