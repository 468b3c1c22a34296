import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { Viewer } from '../../src/services/deps.ts'
import worker from '../../src/worker/index.ts'
import { gateDatabase, refuseDatabase } from './database-gate.ts'
import { type ApiAnswer, answerOf, ORIGIN, requestOf } from './harness.ts'
import { insertPerson, tokenOf } from './people.ts'
import { StreamClient } from './stream-client.ts'

const SLOW_MS = 500

const line = z.object({
  event: z.literal('request'),
  request_id: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.number(),
  duration_ms: z.number(),
  user_id: z.number().optional(),
})

let person: Viewer

beforeEach(async () => {
  person = await insertPerson()
})

afterEach(() => vi.restoreAllMocks())

/** The requests that are logged while `work` is done. */
async function loggedDuring(work: () => Promise<unknown>): Promise<z.infer<typeof line>[]> {
  const info = vi.spyOn(console, 'info').mockImplementation(() => {})
  await work()
  const lines = info.mock.calls.flatMap(([text]) => line.safeParse(JSON.parse(String(text))).data ?? [])
  info.mockRestore()
  return lines
}

/** Asks a Worker that logs this share of its requests. */
async function ask(share: string, path = `/api/users/${person.id}`, token?: string): Promise<ApiAnswer> {
  const request = requestOf('GET', path, token === undefined ? {} : { token })
  const vars = { ...env, LOGGED_REQUESTS: share }
  return answerOf(await worker.fetch(request, vars, createExecutionContext()))
}

describe('the log of requests', () => {
  it('has all of them where it is to have all, with who asked', async () => {
    const token = await tokenOf(person)
    const answers: ApiAnswer[] = []
    const lines = await loggedDuring(async () => {
      answers.push(await ask('1', '/api/timeline/home', token), await ask('1', '/nothing'))
    })
    expect(lines).toMatchObject([
      { method: 'GET', path: '/api/timeline/home', status: 200, user_id: person.id },
      { method: 'GET', path: '/nothing', status: 404 },
    ])
    expect(lines.map(({ request_id }) => request_id)).toEqual(
      answers.map(({ headers }) => headers.get('x-request-id')),
    )
  })

  it('has none of those that are well where it is to have none', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const lines = await loggedDuring(async () => {
      for (const path of [`/api/users/${person.id}`, '/api/users/1', '/nothing', '/api/timeline/home']) {
        expect((await ask('0', path)).status).toBeLessThan(500)
      }
    })
    expect(lines).toEqual([])
  })

  it('has the share of the others that it is to have', async () => {
    const random = vi.spyOn(Math, 'random')
    const lines = await loggedDuring(async () => {
      for (const drawn of [0, 0.24, 0.25, 0.9]) {
        random.mockReturnValue(drawn)
        await ask('0.25')
      }
    })
    expect(lines).toHaveLength(2)
  })

  it('has every request that fails, whatever the share', async () => {
    const lines = await loggedDuring(async () => {
      using _gate = refuseDatabase()
      expect((await ask('0')).status).toBe(503)
    })
    expect(lines).toMatchObject([{ path: `/api/users/${person.id}`, status: 503 }])
  })

  it('has every request that failed unexpectedly', async () => {
    const lines = await loggedDuring(async () => {
      vi.spyOn(console, 'error').mockImplementation(() => {})
      using _gate = gateDatabase(async () => Response.json({ unexpected: true }))
      expect((await ask('0')).status).toBe(500)
    })
    expect(lines).toMatchObject([{ status: 500 }])
  })

  it.each([
    [SLOW_MS - 1, 0],
    [SLOW_MS, 1],
  ])('has, of those that took %i ms, this many: %i', async (tookMs, expected) => {
    const startMs = Date.now()
    let elapsedMs = 0
    vi.spyOn(Date, 'now').mockImplementation(() => startMs + elapsedMs)
    const lines = await loggedDuring(async () => {
      using _gate = gateDatabase((_trip, carry) => {
        elapsedMs = tookMs
        return carry()
      })
      expect((await ask('0')).status).toBe(200)
    })
    expect(lines).toHaveLength(expected)
    if (expected > 0) expect(lines).toMatchObject([{ duration_ms: tookMs, status: 200 }])
  })
})

const COMMON = {
  'access-control-allow-origin': '*',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': expect.stringContaining('max-age='),
  'x-request-id': expect.stringMatching(/^[\w-]{8,64}$/),
}

/** What another binding answers: the headers cannot be changed. */
async function frozen(): Promise<Response> {
  const answer = await exports.default.fetch(new Request(`${ORIGIN}/openapi.json`))
  expect(() => answer.headers.set('x-frame-options', 'DENY')).toThrow(TypeError)
  return answer
}

describe('what every answer carries', () => {
  const asked = { 'x-request-id': 'asked-by-the-test' }

  it('is on an answer of another binding, whose headers cannot be changed', async () => {
    const timelines = { getByName: () => ({ fetch: frozen }) }
    const protocols = `warbler.v1, bearer.${await tokenOf(person)}`
    const headers = { ...asked, upgrade: 'websocket', 'sec-websocket-protocol': protocols }
    const vars = { ...env, TIMELINES: timelines as unknown as Env['TIMELINES'] }
    const request = requestOf('GET', '/api/stream', { headers })
    const answer = await answerOf(await worker.fetch(request, vars, createExecutionContext()))
    expect(answer).toMatchObject({ status: 200, body: { openapi: '3.1.0' } })
    expect(Object.fromEntries(answer.headers)).toMatchObject({ ...COMMON, ...asked })
  })

  it('is on a file of the documentation, which keeps its type', async () => {
    const vars = { ...env, ASSETS: { fetch: frozen } as unknown as Env['ASSETS'] }
    const request = requestOf('GET', '/docs/some.json', { headers: asked })
    const answer = await answerOf(await worker.fetch(request, vars, createExecutionContext()))
    const { 'access-control-allow-origin': _ofTheApi, ...common } = COMMON
    expect(answer).toMatchObject({ status: 200, body: { openapi: '3.1.0' } })
    expect(Object.fromEntries(answer.headers)).toMatchObject({ ...common, ...asked })
    expect(answer.headers.get('content-type')).toContain('application/json')
  })

  it('is not on the answer that opens a socket, which stays one', async () => {
    const client = await StreamClient.connect(person)
    expect(client.types).toEqual(['ready'])
  })

  it('is on what is nowhere, in the API and beside it', async () => {
    for (const path of ['/api/nothing', '/nothing', '/']) {
      const request = requestOf('GET', path, { headers: asked })
      const answer = await answerOf(await worker.fetch(request, env, createExecutionContext()))
      const { 'access-control-allow-origin': _ofTheApi, ...common } = COMMON
      expect(answer).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
      expect(Object.fromEntries(answer.headers)).toMatchObject({ ...common, ...asked })
    }
  })

  it('is on a socket’s refusal', async () => {
    const request = requestOf('GET', '/api/stream', { headers: { upgrade: 'websocket' } })
    const answer = await answerOf(await worker.fetch(request, env, createExecutionContext()))
    expect(answer.status).toBe(401)
    expect(Object.fromEntries(answer.headers)).toMatchObject(COMMON)
  })
})
