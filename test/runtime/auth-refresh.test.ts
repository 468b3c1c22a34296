import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { sessionPage, tokens } from '../../src/contracts/http/auth.ts'
import { REFRESH_GRACE_SECONDS } from '../../src/domain/sessions.ts'
import { refreshSession } from '../../src/services/refresh-session.ts'
import { api, registerUser, rows, testDeps } from './harness.ts'

const refresh = (refreshToken: unknown) => api('POST', '/api/auth/refresh-token', { body: { refreshToken } })
const pair = tokens.required()

async function refreshed(refreshToken: string) {
  const answer = await refresh(refreshToken)
  expect(answer.status).toBe(200)
  return pair.parse(answer.body)
}

async function liveSessions(token: string) {
  const answer = await api('GET', '/api/auth/sessions', { token })
  return sessionPage.parse(answer.body).sessions
}

/** As if the last refresh of the user's sessions had been so many seconds earlier. */
async function letPass(userId: number, seconds: number) {
  await rows(
    sql`update sessions set rotated_at = rotated_at - make_interval(secs => ${seconds}) where user_id = ${userId}`,
  )
}

const DEAD = { status: 401, body: { code: 'invalid_refresh_token' } }

describe('refreshing', () => {
  it('answers a pair that works, again and again', async () => {
    const { user, refreshToken } = await registerUser()
    let current = refreshToken
    for (let round = 0; round < 3; round++) {
      const next = await refreshed(current)
      expect(next.refreshToken).not.toBe(current)
      expect(await liveSessions(next.accessToken)).toHaveLength(1)
      current = next.refreshToken
      await letPass(user.id, REFRESH_GRACE_SECONDS + 1)
    }
  })

  it('lets the session live for seven more days', async () => {
    const { user, accessToken, refreshToken } = await registerUser()
    await rows(sql`update sessions set expires_at = now() + interval '1 hour' where user_id = ${user.id}`)
    await refreshed(refreshToken)
    const [session] = await liveSessions(accessToken)
    const livesForMs = Date.parse(session?.expires_at ?? '') - Date.now()
    expect(Math.round(livesForMs / 3_600_000)).toBe(7 * 24)
  })

  it.each([2, 10])('gives %i who refresh at once a pair that works, and the session lives', async (count) => {
    const { accessToken, refreshToken } = await registerUser()
    const pairs = await Promise.all(Array.from({ length: count }, () => refreshed(refreshToken)))
    const again = await Promise.all(pairs.map((one) => refreshed(one.refreshToken)))
    expect(new Set(again.map((one) => one.refreshToken)).size).toBe(1)
    for (const one of again)
      expect((await api('GET', '/api/auth/sessions', { token: one.accessToken })).status).toBe(200)
    expect(await liveSessions(accessToken)).toHaveLength(1)
  })

  it('answers a token that comes again within the grace with the same successor', async () => {
    const { user, refreshToken } = await registerUser()
    const first = await refreshed(refreshToken)
    await letPass(user.id, REFRESH_GRACE_SECONDS - 2)
    const second = await refreshed(refreshToken)
    expect(second.refreshToken).toBe(first.refreshToken)
  })

  it('takes a token that comes again after the grace for stolen, and ends the session', async () => {
    const { user, accessToken, refreshToken } = await registerUser()
    const successor = await refreshed(refreshToken)
    await letPass(user.id, REFRESH_GRACE_SECONDS + 1)
    expect(await refresh(refreshToken)).toMatchObject(DEAD)
    expect(await refresh(successor.refreshToken)).toMatchObject(DEAD)
    expect(await liveSessions(accessToken)).toEqual([])
  })

  it('takes a token from before the last two for stolen, however fast it comes', async () => {
    const { refreshToken } = await registerUser()
    const second = await refreshed(refreshToken)
    const third = await refreshed(second.refreshToken)
    expect(await refresh(refreshToken)).toMatchObject(DEAD)
    expect(await refresh(third.refreshToken)).toMatchObject(DEAD)
  })

  it('tells the sockets of a session that a thief has ended, once', async () => {
    const { user, refreshToken } = await registerUser()
    await refreshed(refreshToken)
    await letPass(user.id, REFRESH_GRACE_SECONDS + 1)
    const deps = testDeps()
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(refreshSession(deps, refreshToken)).rejects.toMatchObject({
        code: 'invalid_refresh_token',
      })
    }
    await deps.settled()
    const [session] = await rows<{ id: string }>(sql`select id from sessions where user_id = ${user.id}`)
    expect(deps.sent.map(({ queue, message }) => ({ queue, message }))).toEqual([
      {
        queue: 'fan-out',
        message: {
          type: 'session_ended',
          v: 1,
          user_id: user.id,
          session_id: session?.id,
          except_session_id: null,
        },
      },
    ])
  })

  it('leaves the other sessions of a robbed user alone', async () => {
    const { user, refreshToken } = await registerUser()
    const body = { username: user.username, password: 'seven purple herons' }
    const elsewhere = pair.parse((await api('POST', '/api/auth/login', { body })).body)
    await refreshed(refreshToken)
    await letPass(user.id, REFRESH_GRACE_SECONDS + 1)
    expect(await refresh(refreshToken)).toMatchObject(DEAD)
    await refreshed(elsewhere.refreshToken)
  })

  it('refuses a token of a session that is deleted, expired or of an account that is deactivated', async () => {
    const [deleted, expired, deactivated] = await Promise.all([
      registerUser(),
      registerUser(),
      registerUser(),
    ])
    await rows(sql`delete from sessions where user_id = ${deleted.user.id}`)
    await rows(
      sql`update sessions set expires_at = now() - interval '1 second' where user_id = ${expired.user.id}`,
    )
    await rows(sql`update users set is_active = false where id = ${deactivated.user.id}`)
    for (const { refreshToken } of [deleted, expired, deactivated]) {
      expect(await refresh(refreshToken)).toMatchObject(DEAD)
    }
  })

  it('refuses who is suspended, and goes on with the same token when that is over', async () => {
    const { user, refreshToken } = await registerUser()
    await rows(sql`update users set suspended_at = now() where id = ${user.id}`)
    expect(await refresh(refreshToken)).toMatchObject({ status: 403, body: { code: 'suspended' } })
    await rows(sql`update users set suspended_at = null where id = ${user.id}`)
    await letPass(user.id, REFRESH_GRACE_SECONDS + 1)
    await refreshed(refreshToken)
  })

  it('tells the access token what the database knows now', async () => {
    const { user, refreshToken } = await registerUser()
    await rows(sql`update users set role = 'moderator' where id = ${user.id}`)
    const { accessToken } = await refreshed(refreshToken)
    expect(JSON.parse(atob(accessToken.split('.')[1] ?? ''))).toMatchObject({ role: 'moderator' })
  })

  it.each(['', 'x', 'a.b.c', 'x'.repeat(2_000)])('refuses the text %j', async (text) => {
    expect(await refresh(text)).toMatchObject(DEAD)
  })

  it.each([null, 7, {}, 'x'.repeat(5_000)])('finds %j no token at all', async (value) => {
    expect(await refresh(value)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })
})
