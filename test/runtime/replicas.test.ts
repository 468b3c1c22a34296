import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { connect, type Database, type Db, query } from '../../src/db/client.ts'
import { ensureTweetPartitions } from '../../src/db/statements/maintenance.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { configurationOf } from '../../src/worker/env.ts'
import worker from '../../src/worker/index.ts'
import { bodyOf, post, runFanOut } from './consumers.ts'
import { gateDatabase, refuseDatabase, watchDatabase } from './database-gate.ts'
import { type ApiAnswer, answerOf, requestOf, rows } from './harness.ts'
import { addDatabase } from './own-database.ts'
import { insertFollowers, insertPeople, insertPerson, insertRecentTweets, tokenOf } from './people.ts'
import { NOWHERE } from './spending.ts'

const nameOf = ({ url }: Database) => new URL(url).pathname.slice(1)
const PRIMARY = nameOf(configurationOf(env).database)

let replica: Database
let copy: Db
let REPLICA: string

beforeAll(async () => {
  replica = await addDatabase()
  copy = connect(replica)
  await ensureTweetPartitions(copy, Date.now())
  REPLICA = nameOf(replica)
})

/** Asks the Worker as it is when it has a replica. Its queues lead nowhere, so that nothing but the request asks anything. */
async function ask(method: string, path: string, viewer?: Viewer, body?: unknown): Promise<ApiAnswer> {
  const bindings = {
    ...env,
    FAN_OUT_0: NOWHERE,
    ENGAGEMENT: NOWHERE,
    NOTIFICATIONS_0: NOWHERE,
    PUSHES: NOWHERE,
    EXPORTS: NOWHERE,
    SEARCH_INDEX: NOWHERE,
    DATABASE_REPLICA_URL: replica.url,
    DATABASE_REPLICA_ENDPOINT: replica.endpoint,
  }
  const context = createExecutionContext()
  const options = { body, ...(viewer === undefined ? {} : { token: await tokenOf(viewer) }) }
  const answer = await answerOf(await worker.fetch(requestOf(method, path, options), bindings, context))
  await waitOnExecutionContext(context)
  return answer
}

const ids = z.object({
  tweets: z.array(z.object({ id: z.number() })).optional(),
  users: z.array(z.object({ id: z.number() })).optional(),
})

/** What a page of tweets or people lists. */
async function idsAt(path: string, viewer?: Viewer): Promise<number[]> {
  const { status, body } = await ask('GET', path, viewer)
  expect(status).toBe(200)
  const { tweets = [], users = [] } = ids.parse(body)
  return [...tweets, ...users].map(({ id }) => id)
}

/** Which databases a request asked, in turn. */
async function askedBy(method: string, path: string, viewer?: Viewer, body?: unknown): Promise<string[]> {
  using gate = watchDatabase()
  const { status } = await ask(method, path, viewer, body)
  expect(status).toBeLessThan(300)
  return gate.trips.map(({ database }) => database)
}

/** Brings the copy up to date with what there is of these people. */
async function replicate(people: readonly Viewer[]): Promise<void> {
  const list = sql.raw(people.map(({ id }) => id).join(', '))
  for (const [table, column] of [
    ['users', 'id'],
    ['tweets', 'user_id'],
    ['follows', 'follower_id'],
  ] as const) {
    const [name, of] = [sql.raw(table), sql.raw(column)]
    const found = await rows<{ all: unknown }>(
      sql`select coalesce(jsonb_agg(to_jsonb(t)), '[]') as all from ${name} t where ${of} in (${list})`,
    )
    await query(
      copy,
      sql`insert into ${name} select * from jsonb_populate_recordset(null::${name}, ${JSON.stringify(found[0]?.all)}::jsonb)`,
    )
  }
}

/** Somebody with a tweet and a follower, as the replica knows them; then another tweet and another follower. */
async function scene() {
  const [owner, reader, early, late] = await insertPeople(4)
  if (!owner || !reader || !early || !late) throw new Error('Nobody was inserted')
  const [older = 0] = await insertRecentTweets(owner, 1)
  await insertFollowers([early], owner)
  await replicate([owner, reader, early, late])
  await insertFollowers([late], owner)
  const newer: number = (await post(owner)).id
  return { owner, reader, early, late, older, newer }
}

describe('with a replica', () => {
  it('others see a list of followers and a user’s tweets as the replica knows them', async () => {
    const { owner, reader, early, older } = await scene()
    for (const viewer of [reader, undefined]) {
      expect(await idsAt(`/api/users/${owner.id}/followers`, viewer)).toEqual([early.id])
      expect(await idsAt(`/api/users/@${owner.username}/followers`, viewer)).toEqual([early.id])
      expect(await idsAt(`/api/users/${early.id}/following`, viewer)).toEqual([owner.id])
      expect(await idsAt(`/api/users/${owner.id}/tweets`, viewer)).toEqual([older])
      expect(await idsAt(`/api/timeline/user/${owner.id}`, viewer)).toEqual([older])
    }
  })

  it('recommendations are what the replica knows, and dismissals the primary’s', async () => {
    const { owner, reader, early } = await scene()
    await insertFollowers([reader], early)
    expect(await askedBy('GET', '/api/recommendations/users', reader)).toEqual([REPLICA])
    expect(await askedBy('DELETE', `/api/recommendations/users/${owner.id}`, reader)).toEqual([PRIMARY])
    const newcomer = await insertPerson()
    expect(await askedBy('GET', '/api/recommendations/users', newcomer)).toEqual([REPLICA, PRIMARY])
  })

  it('what goes on is what the replica knows for who is signed out, and the primary’s for whom blocks and mutes are to hold', async () => {
    const { reader } = await scene()
    for (const path of ['/api/explore', '/api/hashtags/heron/tweets']) {
      expect(await askedBy('GET', path)).toEqual([REPLICA])
      expect(await askedBy('GET', path, reader)).toEqual([PRIMARY])
    }
    expect(await askedBy('GET', '/api/trending/topics', reader)).toEqual([PRIMARY])
  })

  it('everybody sees their own as they are', async () => {
    const { owner, early, late, older, newer } = await scene()
    for (const ref of [owner.id, `@${owner.username}`, `@${owner.username.toUpperCase()}`]) {
      expect(await idsAt(`/api/users/${ref}/followers`, owner)).toEqual([late.id, early.id])
      expect(await idsAt(`/api/users/${ref}/tweets`, owner)).toEqual([newer, older])
    }
    expect(await idsAt(`/api/users/${late.id}/following`, late)).toEqual([owner.id])
  })

  it('nothing else asks it: no write, no home timeline, nothing that is asked for by name', async () => {
    const { owner, reader, older } = await scene()
    const only = (databases: string[]) => [...new Set(databases)]
    for (const path of [`/api/users/${owner.id}/followers`, `/api/users/${owner.id}/tweets`]) {
      expect(await askedBy('GET', path, reader)).toEqual([REPLICA])
      expect(await askedBy('GET', path, owner)).toEqual([PRIMARY])
    }
    expect(only(await askedBy('GET', '/api/timeline/home', reader))).toEqual([PRIMARY])
    for (const path of [`/api/users/${owner.id}`, `/api/tweets/${older}`, `/api/tweets/${older}/thread`]) {
      expect(await askedBy('GET', path, reader)).toEqual([PRIMARY])
    }
    expect(only(await askedBy('POST', `/api/users/${owner.id}/follow`, reader))).toEqual([PRIMARY])
    expect(await askedBy('POST', '/api/tweets', owner, { content: 'Another' })).toEqual([PRIMARY])
    expect(await askedBy('POST', `/api/tweets/${older}/like`, reader)).toEqual([PRIMARY])
    const { outbox } = await post(owner)
    using gate = watchDatabase()
    await runFanOut(outbox.map(bodyOf))
    expect(only(gate.trips.map(({ database }) => database))).toEqual([PRIMARY])
  })

  it('the primary answers when it does not, and when it fails', async () => {
    const { owner, reader, early, late, older, newer } = await scene()
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const unfit = async () =>
      Response.json({ message: 'relation "follows" does not exist', code: '42P01' }, { status: 400 })
    for (const open of [
      () => refuseDatabase(({ database }) => database === REPLICA),
      () => gateDatabase(({ database }, carry) => (database === REPLICA ? unfit() : carry())),
    ]) {
      using _gate = open()
      expect(await idsAt(`/api/users/${owner.id}/followers`, reader)).toEqual([late.id, early.id])
      expect(await idsAt(`/api/users/${owner.id}/tweets`, reader)).toEqual([newer, older])
    }
    const lines = warned.mock.calls.filter(([line]) => String(line).includes('"event":"replica_failed"'))
    warned.mockRestore()
    expect(lines).toHaveLength(4)
  })

  it('who is not known there yet is found, and who is nowhere is not', async () => {
    const [newcomer, reader] = await insertPeople(2)
    if (!newcomer || !reader) throw new Error('Nobody was inserted')
    const [tweet] = await insertRecentTweets(newcomer, 1)
    expect(await idsAt(`/api/users/${newcomer.id}/tweets`, reader)).toEqual([tweet])
    expect(await idsAt(`/api/users/${newcomer.id}/followers`, reader)).toEqual([])
    expect((await ask('GET', '/api/users/7/tweets', reader)).status).toBe(404)
  })
})
