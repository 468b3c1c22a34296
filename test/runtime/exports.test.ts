import { env, exports } from 'cloudflare:workers'
import { Buffer } from 'node:buffer'
import { sql } from 'drizzle-orm'
import { describe, expect, it, vi } from 'vitest'
import { type DataExport, dataExport } from '../../src/contracts/http/exports.ts'
import { claimExport } from '../../src/db/statements/exports.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { deleteArchivesOf, expireArchives } from '../../src/services/expire-archives.ts'
import { requestExport } from '../../src/services/export-data.ts'
import { writeExport } from '../../src/services/write-export.ts'
import { readZip } from '../node/harness/zip.ts'
import { download, insertArchive, storedOf } from './archives.ts'
import { runDeadLetters, runExports } from './consumers.ts'
import { gateDatabase, refusal } from './database-gate.ts'
import { api, ORIGIN, rows, testDeps } from './harness.ts'
import { insertPerson, insertRecentTweets, tokenOf } from './people.ts'

const PATH = '/api/export'

async function stateOf(person: Viewer): Promise<DataExport> {
  return dataExport.parse((await api('GET', PATH, { token: await tokenOf(person) })).body)
}

interface Owed {
  outbox_id: number
  event: { type: 'export'; v: 1; user_id: number }
}

/** Somebody who has asked for an export, and the message that owes it; no queue has it. */
async function asked(person?: Viewer): Promise<{ person: Viewer; owed: Owed }> {
  const viewer = person ?? (await insertPerson())
  const deps = testDeps()
  await requestExport(deps, viewer)
  await deps.settled()
  const [row] = deps.sent
  if (row === undefined) throw new Error('Nothing is owed')
  return { person: viewer, owed: { outbox_id: row.id, event: { type: 'export', v: 1, user_id: viewer.id } } }
}

/** As if the lease of whoever writes it were over. */
async function endLease({ id }: Viewer): Promise<void> {
  await rows(sql`update exports set expires_at = now() where user_id = ${id} and state = 'pending'`)
}

/** A store that fails when something is written; all else it does. */
function failingArchives(): Deps['archives'] {
  const { archives } = testDeps()
  return {
    ...archives,
    write: (key, content) =>
      archives.write(
        key,
        (async function* () {
          let bytes = 0
          for await (const chunk of content) {
            bytes += chunk.byteLength
            if (bytes > 1_000) throw new Error('The store has failed')
            yield chunk
          }
        })(),
      ),
  }
}

describe('an export', () => {
  it('is asked for, made in the background, and downloaded by its link', async () => {
    const person = await insertPerson()
    const token = await tokenOf(person)
    const [tweet = 0] = await insertRecentTweets(person, 1)
    const none = { state: 'none', requested_at: null, expires_at: null, bytes: null, url: null }
    expect(await stateOf(person)).toEqual(none)

    const answer = await api('POST', PATH, { token })
    expect(answer.status).toBe(202)
    const requested = dataExport.parse(answer.body)
    expect(requested).toEqual({ ...none, state: 'pending', requested_at: expect.any(String) })
    await vi.waitFor(async () => expect(await stateOf(person)).toMatchObject({ state: 'ready' }), 20_000)

    const ready = await stateOf(person)
    expect(ready.requested_at).toBe(requested.requested_at)
    expect(Date.parse(ready.expires_at ?? '') - Date.now()).toBeGreaterThan(86_000_000)
    expect(await api('POST', PATH, { token })).toMatchObject({ status: 202, body: ready })
    expect(ready.url).toMatch(new RegExp(`^${ORIGIN}/api/export/archive\\?token=`))

    const file = await exports.default.fetch(new Request(ready.url ?? ''))
    expect(file.status).toBe(200)
    expect(Object.fromEntries(file.headers)).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': 'attachment; filename="warbler-archive.zip"',
      'content-length': String(ready.bytes),
      'cache-control': 'private, no-store',
      'accept-ranges': 'bytes',
    })
    const files = readZip(Buffer.from(await file.arrayBuffer()))
    expect(JSON.parse(files.get('account.json') ?? '')).toMatchObject({ username: person.username })
    expect(JSON.parse(files.get('tweets.json') ?? '')).toMatchObject([{ id: tweet }])
  })

  it('is written once though its message comes twice', async () => {
    const { person, owed } = await asked()
    expect(await runExports([owed, owed])).toEqual({ acked: [0, 1], retried: [] })
    const stored = await storedOf(person)
    expect(stored).toHaveLength(1)
    expect(await runExports([owed])).toEqual({ acked: [0], retried: [] })
    expect(await storedOf(person)).toEqual(stored)
    expect(await rows(sql`select from outbox where id = ${owed.outbox_id}`)).toEqual([])
  })

  it('that fails midway leaves nothing behind, and the next attempt begins from the start', async () => {
    const { person, owed } = await asked()
    const failing = testDeps({ archives: failingArchives() })
    for (const attempts of [1, 2]) {
      expect(await runExports([owed], failing, attempts)).toEqual({ acked: [], retried: [0] })
      expect(await storedOf(person)).toEqual([])
      expect(await stateOf(person)).toMatchObject({ state: 'pending', url: null, bytes: null })
    }
    expect((await runExports([owed], testDeps(), 3)).acked).toEqual([0])
    expect(await stateOf(person)).toMatchObject({ state: 'ready' })
    expect(await storedOf(person)).toHaveLength(1)
  })

  it('whose writer was killed waits until the lease is over', async () => {
    const { person, owed } = await asked()
    const killed = crypto.randomUUID()
    await claimExport(testDeps().db, owed.outbox_id, killed, 60)
    await env.ARCHIVES.put(`exports/${person.id}/${killed}.zip`, 'whole, but nobody was told')
    expect(await runExports([owed])).toEqual({ acked: [], retried: [0] })
    await endLease(person)
    expect(await runExports([owed])).toEqual({ acked: [0], retried: [] })
    const [key, ...others] = await storedOf(person)
    expect(others).toEqual([])
    expect(key).not.toContain(killed)
    expect(
      (await download(new URL((await stateOf(person)).url ?? '').searchParams.get('token') ?? '')).status,
    ).toBe(200)
  })

  it('is the newest attempt’s, though an older one goes on and comes to its end later', async () => {
    const { person, owed } = await asked()
    const { archives } = testDeps()
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const stalling: Deps['archives'] = {
      ...archives,
      async write(key, content) {
        reached.resolve()
        await released.promise
        return archives.write(key, content)
      },
    }
    const older = runExports([owed], testDeps({ archives: stalling }))
    await reached.promise
    await endLease(person)
    expect((await runExports([owed])).acked).toEqual([0])
    const before = [await stateOf(person), await storedOf(person)]
    released.resolve()
    await older
    expect([await stateOf(person), await storedOf(person)]).toEqual(before)
  })

  it('is ready though nobody heard it from the database', async () => {
    const { person, owed } = await asked()
    {
      using _gate = gateDatabase(async ({ text }, carry) => {
        const answer = await carry()
        return text.includes("state = 'ready', bytes") ? refusal() : answer
      })
      expect((await runExports([owed])).retried).toEqual([0])
    }
    expect((await runExports([owed], testDeps(), 2)).acked).toEqual([0])
    const { url, state } = await stateOf(person)
    expect(state).toBe('ready')
    expect((await exports.default.fetch(new Request(url ?? ''))).status).toBe(200)
  })

  it('that is too large has failed, and can be asked for again', async () => {
    const { person, owed } = await asked()
    const limits = { pages: 3, bytes: 1e9, writeMs: 60_000, leaseSeconds: 60 }
    expect(await writeExport(testDeps(), owed, limits)).toBe('done')
    expect(await stateOf(person)).toMatchObject({ state: 'failed', expires_at: null, bytes: null, url: null })
    expect(await storedOf(person)).toEqual([])
    expect((await runExports([owed])).acked).toEqual([0])
    expect(await stateOf(person)).toMatchObject({ state: 'failed' })
    const next = await asked(person)
    expect((await runExports([next.owed])).acked).toEqual([0])
    expect(await stateOf(person)).toMatchObject({ state: 'ready' })
  })

  it('has failed when its message is a dead letter, and when it is not understood', async () => {
    const [dead, poison] = [await asked(), await asked()]
    await runDeadLetters([dead.owed])
    await runExports([{ ...poison.owed, event: { type: 'nonsense' } }])
    for (const { person, owed } of [dead, poison]) {
      expect(await stateOf(person)).toMatchObject({ state: 'failed' })
      expect(await rows(sql`select from dead_letters where outbox_id = ${owed.outbox_id}`)).toHaveLength(1)
    }
  })

  it('is refused with the time to come again when three have failed', async () => {
    const { person } = await asked()
    await rows(sql`update exports set state = 'failed', expires_at = now() where user_id = ${person.id}`)
    await rows(sql`
      insert into exports (id, user_id, state, expires_at)
      select gen_random_uuid(), ${person.id}, 'failed', now() from generate_series(1, 2)`)
    const answer = await api('POST', PATH, { token: await tokenOf(person) })
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(86_000)
  })
})

describe('archives that are not to be there any more', () => {
  it('are deleted when they have expired, and no others', async () => {
    const [old, fresh] = [await insertPerson(), await insertPerson()]
    await insertArchive(old)
    const token = await insertArchive(fresh)
    await rows(sql`update exports set expires_at = now() where user_id = ${old.id}`)
    expect(await expireArchives(testDeps(), 1)).toBeGreaterThan(0)
    expect(await storedOf(old)).toEqual([])
    expect(await rows(sql`select from exports where user_id = ${old.id}`)).toEqual([])
    expect((await download(token)).status).toBe(200)
  })

  it('are still to be deleted after the store has failed', async () => {
    const person = await insertPerson()
    await insertArchive(person)
    await rows(sql`update exports set expires_at = now() where user_id = ${person.id}`)
    const { archives } = testDeps()
    const failing = { ...archives, delete: () => Promise.reject(new Error('The store has failed')) }
    await expect(expireArchives(testDeps({ archives: failing }))).rejects.toThrow('The store has failed')
    await expireArchives(testDeps())
    expect(await storedOf(person)).toEqual([])
  })

  it('of somebody are deleted all, those included of which no row is left and one that is being written', async () => {
    const { person, owed } = await asked()
    const other = await insertPerson()
    const token = await insertArchive(other)
    const { archives } = testDeps()
    const deleting: Deps['archives'] = {
      ...archives,
      async write(key, content) {
        await env.ARCHIVES.put(
          `exports/${person.id}/${crypto.randomUUID()}.zip`,
          'of an attempt that was killed',
        )
        await deleteArchivesOf(testDeps(), person.id)
        return archives.write(key, content)
      },
    }
    expect((await runExports([owed], testDeps({ archives: deleting }))).acked).toEqual([0])
    expect(await storedOf(person)).toEqual([])
    await deleteArchivesOf(testDeps(), person.id)
    expect((await download(token)).status).toBe(200)
  })
})
