import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Buffer } from 'node:buffer'
import { sql } from 'drizzle-orm'
import { describe, expect, it, vi } from 'vitest'
import { signAccessToken, signArchiveToken, signRefreshToken } from '../../src/services/tokens.ts'
import { configurationOf } from '../../src/worker/env.ts'
import worker from '../../src/worker/index.ts'
import { archivePath, download, insertArchive, storedOf } from './archives.ts'
import { answerOf, api, requestOf, rows } from './harness.ts'
import { insertPerson } from './people.ts'

const { accessKeys, refreshKeys } = configurationOf(env).settings
const NOT_FOUND = { status: 404, body: { code: 'archive_not_found' } }

describe('the link of an archive', () => {
  it('gives parts of it', async () => {
    const token = await insertArchive(await insertPerson(), '0123456789')
    for (const [range, status, text, contentRange] of [
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-1', 206, '9', 'bytes 9-9/10'],
      ['bytes=99-', 200, '0123456789', null],
      ['bytes=0-1,4-5', 200, '0123456789', null],
    ] as const) {
      const answer = await download(token, { range })
      expect([answer.status, new TextDecoder().decode(await answer.arrayBuffer())]).toEqual([status, text])
      expect(answer.headers.get('content-range')).toBe(contentRange)
      expect(answer.headers.get('content-length')).toBe(String(text.length))
    }
  })

  it('is good for nothing else, and nothing else is good for it', async () => {
    const person = await insertPerson()
    const token = await insertArchive(person)
    expect((await download(token)).status).toBe(200)
    const asAccessToken = await api('GET', '/api/export', { token })
    expect(asAccessToken).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    const refreshToken = { userId: person.id, sessionId: person.sessionId, tokenId: crypto.randomUUID() }
    const expiresMs = Date.now() + 60_000
    expect(await api('POST', '/api/auth/refresh-token', { body: { refreshToken: token } })).toMatchObject({
      status: 401,
    })
    for (const wrong of [
      await signAccessToken(accessKeys, person, Date.now()),
      await signRefreshToken(refreshKeys, refreshToken, expiresMs),
      await signRefreshToken(accessKeys, refreshToken, expiresMs),
      ...['', 'x', 'a.b.c', '%00', `${token}x`],
    ]) {
      expect(await api('GET', archivePath(wrong))).toMatchObject(NOT_FOUND)
    }
    expect((await api('GET', '/api/export/archive')).status).toBe(400)
    expect((await api('GET', archivePath('A'.repeat(3_000)))).status).toBe(400)
  })

  it('is for one archive of one person, signed by us, until it expires', async () => {
    const [person, other] = [await insertPerson(), await insertPerson()]
    const token = await insertArchive(person)
    const { jti: id } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const archive = { id, user_id: person.id }
    const laterMs = Date.now() + 60_000
    const foreign = [{ kid: accessKeys[0]?.kid ?? '', secret: new Uint8Array(32).fill(7) }]
    expect((await download(await signArchiveToken(accessKeys, archive, laterMs))).status).toBe(200)
    for (const wrong of [
      await signArchiveToken(foreign, archive, laterMs),
      await signArchiveToken(refreshKeys, archive, laterMs),
      await signArchiveToken(accessKeys, archive, Date.now() - 1_000),
      await signArchiveToken(accessKeys, { ...archive, user_id: other.id }, laterMs),
      await signArchiveToken(accessKeys, { ...archive, id: crypto.randomUUID() }, laterMs),
    ]) {
      expect(await api('GET', archivePath(wrong))).toMatchObject(NOT_FOUND)
    }
  })

  it.each([
    ['its owner is deactivated', sql`update users set is_active = false`, sql`id`],
    ['its owner is suspended', sql`update users set suspended_at = now()`, sql`id`],
    ['it has expired', sql`update exports set expires_at = now()`, sql`user_id`],
    ['it was deleted', sql`delete from exports`, sql`user_id`],
  ])('leads nowhere once %s', async (_, change, column) => {
    const person = await insertPerson()
    const token = await insertArchive(person)
    await rows(sql`${change} where ${column} = ${person.id}`)
    expect(await api('GET', archivePath(token))).toMatchObject(NOT_FOUND)
  })

  it('leads nowhere when the store has no such archive, and says so when it cannot be asked', async () => {
    const person = await insertPerson()
    const token = await insertArchive(person)
    const get = () => Promise.reject(new Error('get: Internal error (10001)'))
    const broken = { ...env, ARCHIVES: { get } as unknown as R2Bucket }
    const answer = await worker.fetch(
      requestOf('GET', archivePath(token), {}),
      broken,
      createExecutionContext(),
    )
    expect(await answerOf(answer)).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    await env.ARCHIVES.delete(await storedOf(person))
    expect(await api('GET', archivePath(token))).toMatchObject(NOT_FOUND)
  })

  it('is never logged', async () => {
    const token = await insertArchive(await insertPerson())
    const spies = (['info', 'warn', 'error', 'log'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation(() => {}),
    )
    const get = () => Promise.reject(new Error('The store has failed'))
    for (const vars of [{}, { ARCHIVES: { get } as unknown as R2Bucket }]) {
      const request = requestOf('GET', archivePath(token), {})
      const answer = await worker.fetch(
        request,
        { ...env, LOGGED_REQUESTS: '1', ...vars },
        createExecutionContext(),
      )
      await answer.arrayBuffer()
    }
    const lines = spies.flatMap(({ mock }) => mock.calls.flat().map(String))
    vi.restoreAllMocks()
    expect(lines.filter((line) => line.includes('/api/export/archive'))).toHaveLength(2)
    expect(lines.filter((line) => line.includes(token))).toEqual([])
  })
})
