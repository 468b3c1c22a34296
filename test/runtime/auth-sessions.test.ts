import { describe, expect, it } from 'vitest'
import { sessionPage, tokens } from '../../src/contracts/http/auth.ts'
import { changePassword } from '../../src/services/change-password.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { endSession } from '../../src/services/end-session.ts'
import { logout } from '../../src/services/logout.ts'
import { api, PASSWORD, type Registered, registerUser, testDeps } from './harness.ts'

const NEW_PASSWORD = 'eight yellow storks'
const pair = tokens.required()
const DEAD = { status: 401, body: { code: 'invalid_refresh_token' } }

const refresh = (refreshToken: string) => api('POST', '/api/auth/refresh-token', { body: { refreshToken } })
const signOut = (token: string, body?: unknown) => api('POST', '/api/auth/logout', { token, body })

async function signIn({ user }: Registered, userAgent = 'test', password = PASSWORD) {
  const body = { username: user.username, password }
  return pair.parse(
    (await api('POST', '/api/auth/login', { body, headers: { 'user-agent': userAgent } })).body,
  )
}

async function sessionsOf(token: string, query = '') {
  const answer = await api('GET', `/api/auth/sessions${query}`, { token })
  expect(answer.status).toBe(200)
  return sessionPage.parse(answer.body)
}

async function viewerOf({ user, accessToken }: Registered): Promise<Viewer> {
  const { sessions } = await sessionsOf(accessToken)
  const sessionId = sessions.find((session) => session.is_current)?.id ?? ''
  return { id: user.id as Viewer['id'], username: user.username, sessionId, role: 'user' }
}

const ended = (user: number, session: string | null, except: string | null) => ({
  queue: 'fan-out',
  message: { type: 'session_ended', v: 1, user_id: user, session_id: session, except_session_id: except },
})

describe('signing out', () => {
  it('kills the refresh token, and answers the same when repeated', async () => {
    const { accessToken, refreshToken } = await registerUser()
    const answers = [await signOut(accessToken), await signOut(accessToken), await signOut(accessToken, {})]
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, body: { message: 'Signed out' } })
    expect(await refresh(refreshToken)).toMatchObject(DEAD)
  })

  it('ends this session alone', async () => {
    const here = await registerUser()
    const there = await signIn(here)
    await signOut(here.accessToken, { everywhere: null })
    expect((await refresh(there.refreshToken)).status).toBe(200)
  })

  it('ends all sessions with everywhere, and nobody else’s', async () => {
    const [here, stranger] = await Promise.all([registerUser(), registerUser()])
    const there = await signIn(here)
    expect((await signOut(here.accessToken, { everywhere: true })).status).toBe(200)
    expect(await refresh(here.refreshToken)).toMatchObject(DEAD)
    expect(await refresh(there.refreshToken)).toMatchObject(DEAD)
    expect((await refresh(stranger.refreshToken)).status).toBe(200)
  })

  it('can be done with the refresh token, but then only here', async () => {
    const here = await registerUser()
    const there = await signIn(here)
    const everywhere = { refreshToken: here.refreshToken, everywhere: true }
    const refused = await api('POST', '/api/auth/logout', { body: everywhere })
    expect(refused).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    const body = { refreshToken: here.refreshToken }
    expect((await api('POST', '/api/auth/logout', { body })).status).toBe(200)
    expect(await refresh(here.refreshToken)).toMatchObject(DEAD)
    expect((await refresh(there.refreshToken)).status).toBe(200)
  })

  it('is only for who is signed in', async () => {
    const unauthenticated = { status: 401, body: { code: 'unauthenticated' } }
    expect(await api('POST', '/api/auth/logout')).toMatchObject(unauthenticated)
    const body = { refreshToken: 'a.b.c' }
    expect(await api('POST', '/api/auth/logout', { body })).toMatchObject(unauthenticated)
  })

  it('tells the sockets of what it has ended, and nothing when it has ended nothing', async () => {
    const registered = await registerUser()
    await signIn(registered)
    const viewer = await viewerOf(registered)
    const deps = testDeps()
    for (const everywhere of [false, false, true, true]) {
      await logout(deps, { viewer, refreshToken: null, everywhere })
    }
    await deps.settled()
    expect(deps.sent.map(({ queue, message }) => ({ queue, message }))).toEqual([
      ended(viewer.id, viewer.sessionId, null),
      ended(viewer.id, null, null),
    ])
  })
})

describe('the list of sessions', () => {
  it('says where one is signed in, the newest first, and which is this one', async () => {
    const phone = await registerUser()
    const laptop = await signIn(phone, 'laptop')
    const { sessions, pagination } = await sessionsOf(laptop.accessToken)
    expect(sessions.map(({ user_agent, is_current }) => ({ user_agent, is_current }))).toEqual([
      { user_agent: 'laptop', is_current: true },
      { user_agent: '', is_current: false },
    ])
    expect(sessions[0]?.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(pagination).toEqual({ limit: 20, offset: 0, has_more: false, next_cursor: null })
  })

  it('is read page by page, without a repeat or a gap while sessions come and go', async () => {
    const owner = await registerUser()
    for (const name of ['b', 'c', 'd', 'e']) await signIn(owner, name)
    const first = await sessionsOf(owner.accessToken, '?limit=2')
    await signIn(owner, 'f')
    await api('DELETE', `/api/auth/sessions/${first.sessions[1]?.id}`, { token: owner.accessToken })
    const second = await sessionsOf(owner.accessToken, `?limit=2&cursor=${first.pagination.next_cursor}`)
    const third = await sessionsOf(owner.accessToken, `?limit=2&cursor=${second.pagination.next_cursor}`)
    const names = [first, second, third].map(({ sessions }) => sessions.map((session) => session.user_agent))
    expect(names).toEqual([['e', 'd'], ['c', 'b'], ['']])
    expect(third.pagination).toMatchObject({ has_more: false, next_cursor: null })
    const skipped = await sessionsOf(owner.accessToken, '?limit=2&offset=4')
    expect(skipped).toMatchObject({ sessions: [{ is_current: true }], pagination: { offset: 4 } })
  })

  it.each([
    ['?limit=0', 'validation_failed'],
    ['?limit=101', 'validation_failed'],
    ['?limit=-1', 'validation_failed'],
    ['?offset=-1', 'validation_failed'],
    ['?offset=10001', 'offset_too_large'],
    ['?cursor=x', 'invalid_cursor'],
    [`?cursor=${btoa('[1,"sessions","x"]').replace('=', '')}`, 'invalid_cursor'],
    [`?cursor=${btoa('[1,"sessions"]').replace('=', '')}`, 'invalid_cursor'],
    ['?cursor=x&offset=1', 'validation_failed'],
  ])('refuses %s', async (query, code) => {
    const { accessToken: token } = await registerUser()
    expect(await api('GET', `/api/auth/sessions${query}`, { token })).toMatchObject({
      status: 400,
      body: { code },
    })
  })
})

describe('ending a session', () => {
  it('kills its refresh token and takes it off the list; it cannot be ended again', async () => {
    const here = await registerUser()
    const there = await signIn(here, 'there')
    const { sessions } = await sessionsOf(here.accessToken)
    const path = `/api/auth/sessions/${sessions[0]?.id}`
    expect(await api('DELETE', path, { token: here.accessToken })).toMatchObject({ status: 204, body: null })
    expect(await refresh(there.refreshToken)).toMatchObject(DEAD)
    expect((await sessionsOf(here.accessToken)).sessions).toHaveLength(1)
    const again = await api('DELETE', path, { token: here.accessToken })
    expect(again).toMatchObject({ status: 404, body: { code: 'session_not_found' } })
  })

  it('finds neither another’s session nor one that never was', async () => {
    const [owner, stranger] = await Promise.all([registerUser(), registerUser()])
    const { sessionId } = await viewerOf(owner)
    for (const id of [sessionId, crypto.randomUUID()]) {
      const answer = await api('DELETE', `/api/auth/sessions/${id}`, { token: stranger.accessToken })
      expect(answer).toMatchObject({ status: 404, body: { code: 'session_not_found' } })
    }
    expect((await refresh(owner.refreshToken)).status).toBe(200)
    const malformed = await api('DELETE', '/api/auth/sessions/1', { token: stranger.accessToken })
    expect(malformed).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  it('tells its sockets', async () => {
    const viewer = await viewerOf(await registerUser())
    const deps = testDeps()
    await endSession(deps, viewer, viewer.sessionId)
    await deps.settled()
    expect(deps.sent).toMatchObject([ended(viewer.id, viewer.sessionId, null)])
  })
})

describe('changing the password', () => {
  const change = (token: string, current_password: string, new_password: string) =>
    api('POST', '/api/auth/password', { token, body: { current_password, new_password } })

  it('makes the new one good and the old one bad, and ends the other sessions', async () => {
    const here = await registerUser()
    const there = await signIn(here)
    expect((await change(here.accessToken, PASSWORD, NEW_PASSWORD)).status).toBe(200)
    expect(await refresh(there.refreshToken)).toMatchObject(DEAD)
    expect((await refresh(here.refreshToken)).status).toBe(200)
    const { username } = here.user
    const old = await api('POST', '/api/auth/login', { body: { username, password: PASSWORD } })
    expect(old).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect((await sessionsOf((await signIn(here, 'new', NEW_PASSWORD)).accessToken)).sessions).toHaveLength(2)
  })

  it('takes the current password', async () => {
    const { accessToken, user } = await registerUser()
    const answer = await change(accessToken, 'not the password', NEW_PASSWORD)
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    const login = await api('POST', '/api/auth/login', {
      body: { username: user.username, password: PASSWORD },
    })
    expect(login.status).toBe(200)
  })

  it('refuses a weak new one and names the field', async () => {
    const { accessToken, user } = await registerUser()
    for (const weak of ['short', 'password1', user.username]) {
      expect(await change(accessToken, PASSWORD, weak)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ path: 'json.new_password' }] },
      })
    }
  })

  it('tells all sockets but those of the session that did it', async () => {
    const viewer = await viewerOf(await registerUser())
    const deps = testDeps()
    await changePassword(deps, viewer, { currentPassword: PASSWORD, newPassword: NEW_PASSWORD })
    await deps.settled()
    expect(deps.sent).toMatchObject([ended(viewer.id, null, viewer.sessionId)])
  })
})
