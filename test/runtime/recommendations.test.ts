import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { recommendations } from '../../src/contracts/http/recommendations.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { api, rows } from './harness.ts'
import { insertFollowers, insertPeople, tokenOf } from './people.ts'

/** Two of those whom the viewer follows follow somebody. */
async function scene() {
  const [viewer, ada, grace, one] = await insertPeople(4)
  if (!viewer || !ada || !grace || !one) throw new Error('Nobody was inserted')
  for (const friend of [ada, grace]) {
    await insertFollowers([viewer], friend)
    await insertFollowers([friend], one)
  }
  await rows(sql`update users set display_name = 'Ada' where id = ${ada.id}`)
  await rows(sql`update users set display_name = 'Grace' where id = ${grace.id}`)
  return { viewer, ada, grace, one, token: await tokenOf(viewer) }
}

async function recommendedTo(token: string, query = '') {
  const { status, body } = await api('GET', `/api/recommendations/users${query}`, { token })
  expect(status).toBe(200)
  return recommendations.parse(body).users
}

it('recommends whom friends follow first, with the reason', async () => {
  const { ada, grace, one, token } = await scene()
  const [first] = await recommendedTo(token)
  expect(first).toMatchObject({
    id: one.id,
    username: one.username,
    relationship: { is_following: false },
    reason: { type: 'followed_by', users: [{ id: expect.any(Number) }, { id: expect.any(Number) }] },
  })
  expect(first?.reason.text).toMatch(/^Followed by (Ada and Grace|Grace and Ada)$/)
  expect(first?.reason.users.map(({ id }) => id).sort()).toEqual([ada.id, grace.id].sort())
  expect(await recommendedTo(token, '?limit=1')).toEqual([first])
})

it('does not recommend again whom one has dismissed', async () => {
  const { one, token } = await scene()
  const dismiss = (ref: string | number) => api('DELETE', `/api/recommendations/users/${ref}`, { token })
  for (const ref of [one.id, `@${one.username}`]) expect((await dismiss(ref)).status).toBe(204)
  expect((await recommendedTo(token)).map(({ id }) => id)).not.toContain(one.id)
  expect(await dismiss('@nobody_at_all')).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  const suspend = (person: Viewer) => rows(sql`update users set suspended_at = now() where id = ${person.id}`)
  const { viewer } = await scene()
  await suspend(viewer)
  const suspended = { token: await tokenOf(viewer) }
  expect(await api('DELETE', `/api/recommendations/users/${one.id}`, suspended)).toMatchObject({
    status: 403,
    body: { code: 'suspended' },
  })
})

it.each(['0', '101', '-1', '1.5', 'all'])('refuses a limit of %s', async (limit) => {
  const { token } = await scene()
  expect(await api('GET', `/api/recommendations/users?limit=${limit}`, { token })).toMatchObject({
    status: 400,
    body: { code: 'validation_failed' },
  })
})

it('is for who is signed in', async () => {
  for (const [method, path] of [
    ['GET', '/api/recommendations/users'],
    ['DELETE', '/api/recommendations/users/1'],
  ] as const) {
    expect(await api(method, path)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  }
})
