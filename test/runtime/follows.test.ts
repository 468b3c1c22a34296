import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { ApplyResult, TimelineOp, TimelineRpc } from '../../src/contracts/timeline.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { followUser } from '../../src/services/follow-user.ts'
import { unfollowUser } from '../../src/services/unfollow-user.ts'
import { api, type Registered, registerUser, rows, testDeps } from './harness.ts'

const MISSING_ID = Number.MAX_SAFE_INTEGER

const FOLLOWED = { message: 'User followed', is_following: true, follow_requested: false }
const REQUESTED = { message: 'Follow requested', is_following: false, follow_requested: true }
const UNFOLLOWED = { message: 'User unfollowed', is_following: false, follow_requested: false }

const ask = (method: 'POST' | 'DELETE', who: Registered, ref: number | string, body?: unknown) =>
  api(method, `/api/users/${ref}/follow`, { token: who.accessToken, body })
const follow = (who: Registered, ref: number | string, body?: unknown) => ask('POST', who, ref, body)
const unfollow = (who: Registered, ref: number | string, body?: unknown) => ask('DELETE', who, ref, body)
const read = (path: string, reader?: Registered) =>
  api('GET', path, reader === undefined ? {} : { token: reader.accessToken })

describe('following', () => {
  it('follows and unfollows, by id and by name, and again does nothing', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    for (const ref of [b.user.id, `@${b.user.username.toUpperCase()}`]) {
      expect(await follow(a, ref)).toMatchObject({ status: 200, body: FOLLOWED })
    }
    const { body } = await read(`/api/users/${b.user.id}`, a)
    expect(body).toMatchObject({ relationship: { is_following: true, is_followed_by: false } })
    for (const ref of [`@${b.user.username}`, b.user.id]) {
      expect(await unfollow(a, ref)).toMatchObject({ status: 200, body: UNFOLLOWED })
    }
  })

  it('asks a private account, and withdraws the request', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    await api('PUT', `/api/users/${b.user.id}`, { token: b.accessToken, body: { is_private: true } })
    for (let time = 0; time < 2; time++) {
      expect(await follow(a, b.user.id)).toMatchObject({ status: 200, body: REQUESTED })
    }
    const { body } = await read(`/api/users/${b.user.id}`, a)
    expect(body).toMatchObject({ relationship: { is_following: false, follow_requested: true } })
    expect(await unfollow(a, b.user.id)).toMatchObject({ status: 200, body: UNFOLLOWED })
    expect(await rows(sql`select from follow_requests where requester_id = ${a.user.id}`)).toEqual([])
  })

  it('shows on the follower’s next read of their home timeline, as does unfollowing', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    const posted = await api('POST', '/api/tweets', { token: b.accessToken, body: { content: 'hello' } })
    expect(posted.status).toBe(201)
    const home = async () => (await read('/api/timeline/home', a)).body
    expect(await home()).toMatchObject({ tweets: [] })
    await follow(a, b.user.id)
    expect(await home()).toMatchObject({ tweets: [{ content: 'hello', user: { id: b.user.id } }] })
    await unfollow(a, b.user.id)
    expect(await home()).toMatchObject({ tweets: [] })
  })

  it('counts on both sides, once the ledger is folded', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    const counts = async () => {
      const [one, other] = [await read(`/api/users/${a.user.id}`), await read(`/api/users/${b.user.id}`)]
      return [Object(one.body).following_count, Object(other.body).follower_count]
    }
    await follow(a, b.user.id)
    await expect.poll(counts, { timeout: 10_000 }).toEqual([1, 1])
    await unfollow(a, b.user.id)
    await expect.poll(counts, { timeout: 10_000 }).toEqual([0, 0])
  })

  it('takes the body of the specification when it says the same as the path', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    for (const body of [{ following_id: b.user.id }, { following_id: null }, {}]) {
      for (const ref of [b.user.id, `@${b.user.username}`]) {
        expect(await follow(a, ref, body)).toMatchObject({ status: 200, body: FOLLOWED })
        expect(await unfollow(a, ref, body)).toMatchObject({ status: 200, body: UNFOLLOWED })
      }
    }
  })

  it('refuses a body that names another user than the path', async () => {
    const [a, b, c] = [await registerUser(), await registerUser(), await registerUser()]
    for (const following_id of [c.user.id, MISSING_ID, 1.5, 0, -1, 2 ** 60, String(b.user.id), [b.user.id]]) {
      for (const method of ['POST', 'DELETE'] as const) {
        for (const ref of [b.user.id, `@${b.user.username}`]) {
          expect(await ask(method, a, ref, { following_id })).toMatchObject({
            status: 400,
            body: { code: 'validation_failed', errors: [{ path: 'json.following_id' }] },
          })
        }
      }
    }
    expect(await rows(sql`select from follows where follower_id = ${a.user.id}`)).toEqual([])
  })

  it.each(['POST', 'DELETE'] as const)('answers a problem to a body that is none: %s', async (method) => {
    const [a, b] = [await registerUser(), await registerUser()]
    for (const body of ['', '[]', 'null', '7', '{"a":', '"text"', JSON.stringify('x'.repeat(1_000_000))]) {
      const answer = await ask(method, a, b.user.id, body)
      expect([400, 413]).toContain(answer.status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
    }
  })

  it('refuses oneself, nobody, and who is signed out', async () => {
    const a = await registerUser()
    expect(await follow(a, a.user.id)).toMatchObject({ status: 400, body: { code: 'cannot_follow_self' } })
    for (const method of ['POST', 'DELETE'] as const) {
      expect(await ask(method, a, MISSING_ID)).toMatchObject({
        status: 404,
        body: { code: 'user_not_found' },
      })
      expect(await ask(method, a, 'nobody')).toMatchObject({
        status: 400,
        body: { code: 'validation_failed' },
      })
      const signedOut = await api(method, `/api/users/${a.user.id}/follow`)
      expect(signedOut).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    }
  })

  it('is refused across a block and while suspended', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${a.user.id}, ${b.user.id})`)
    expect(await follow(b, a.user.id)).toMatchObject({ status: 403, body: { code: 'blocked' } })
    expect(await follow(a, b.user.id)).toMatchObject({
      status: 403,
      body: { code: 'forbidden', detail: expect.stringContaining('unblock') },
    })
    await rows(sql`update users set suspended_at = now() where id = ${a.user.id}`)
    expect(await follow(a, b.user.id)).toMatchObject({ status: 403, body: { code: 'suspended' } })
    expect(await unfollow(a, b.user.id)).toMatchObject({ status: 403, body: { code: 'suspended' } })
    expect(await follow(b, a.user.id)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  })

  it('is refused when a day’s follows are used up, with the time to come back', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    await rows(
      sql`insert into quota_windows (user_id, quota, uses)
          select ${a.user.id}, 'follows', array_agg(now() - interval '23 hours') from generate_series(1, 1000)`,
    )
    const answer = await follow(a, b.user.id)
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    const seconds = Number(answer.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(3_500)
    expect(seconds).toBeLessThanOrEqual(3_600)
  })
})

describe('a follow whose timeline cannot be told', () => {
  const viewerOf = ({ user }: Registered): Viewer => ({
    id: user.id as UserId,
    username: user.username,
    sessionId: crypto.randomUUID(),
    role: 'user',
  })

  /** Dependencies whose timeline object answers with `apply`; they collect what the queues are given. */
  function depsWith(apply: TimelineRpc['apply']) {
    const outbox: OutboxRow[] = []
    const folds: object[] = []
    const warnings: string[] = []
    const queues: Deps['queues'] = {
      sendOutbox: async (sent) => {
        outbox.push(...sent)
      },
      sendFold: async (subjects) => {
        folds.push(...subjects)
      },
    }
    const log: Deps['log'] = { info() {}, error() {}, warn: (event) => warnings.push(event) }
    const timeline = (user: UserId): TimelineRpc => ({ ...testDeps().timeline(user), apply })
    return { deps: testDeps({ queues, log, timeline }), outbox, folds, warnings }
  }

  it.each<[string, () => Promise<ApplyResult>]>([
    ['throws', () => Promise.reject(new Error('The object is broken'))],
    ['is unavailable', () => Promise.resolve({ ok: false, code: 'unavailable' })],
  ])('is made all the same, and the queue tells it: the object %s', async (_, apply) => {
    const [a, b] = [await registerUser(), await registerUser()]
    const { deps, outbox, folds, warnings } = depsWith(apply)
    const followee = { ref: { id: b.user.id as UserId }, claimedId: null }
    expect(await followUser(deps, viewerOf(a), followee)).toBe('followed')
    await unfollowUser(deps, viewerOf(a), followee)
    await deps.settled()
    const owedTo = (name: string) => outbox.flatMap(({ queue, message }) => (queue === name ? [message] : []))
    expect(owedTo('fan-out')).toMatchObject([
      { type: 'follow_changed', following: true, graph_version: 1 },
      { type: 'follow_changed', following: false, graph_version: 2 },
    ])
    const toFollowee = { type: 'follow_changed', v: 1, follower_id: a.user.id, followee_id: b.user.id }
    expect(owedTo('notifications')).toEqual([toFollowee, toFollowee])
    expect(outbox).toHaveLength(4)
    const both = [
      { subject: 'user', id: a.user.id },
      { subject: 'user', id: b.user.id },
    ]
    expect(folds).toEqual([...both, ...both])
    expect(warnings.length).toBeGreaterThanOrEqual(2)
  })

  it('tells the timeline of the follower alone, once, and nobody when nothing changed', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    const told: TimelineOp[] = []
    const { deps, outbox, folds } = depsWith(async (ops) => {
      told.push(...ops)
      return { ok: true, state: 'warm' }
    })
    const followee = { ref: { id: b.user.id as UserId }, claimedId: null }
    for (let time = 0; time < 2; time++) await followUser(deps, viewerOf(a), followee)
    for (let time = 0; time < 2; time++) await unfollowUser(deps, viewerOf(a), followee)
    await deps.settled()
    expect(told).toEqual([
      { type: 'follow', userId: b.user.id, version: 1 },
      { type: 'unfollow', userId: b.user.id, version: 2 },
    ])
    expect(outbox.map(({ queue }) => queue)).toEqual([
      ...['fan-out', 'notifications'],
      ...['fan-out', 'notifications'],
    ])
    expect(folds).toHaveLength(4)
  })

  it('tells nobody but the one who is asked of a request, and of its withdrawal', async () => {
    const [a, b] = [await registerUser(), await registerUser()]
    await rows(sql`update users set is_private = true where id = ${b.user.id}`)
    const told: TimelineOp[] = []
    const { deps, outbox, folds } = depsWith(async (ops) => {
      told.push(...ops)
      return { ok: true, state: 'warm' }
    })
    const followee = { ref: { id: b.user.id as UserId }, claimedId: null }
    for (let time = 0; time < 2; time++) await followUser(deps, viewerOf(a), followee)
    for (let time = 0; time < 2; time++) await unfollowUser(deps, viewerOf(a), followee)
    await deps.settled()
    const message = { type: 'follow_changed', v: 1, follower_id: a.user.id, followee_id: b.user.id }
    const row = { id: expect.any(Number), queue: 'notifications', message }
    expect(outbox).toEqual([row, row])
    expect([told, folds]).toEqual([[], []])
  })
})
