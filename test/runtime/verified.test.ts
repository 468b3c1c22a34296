import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { api, rows } from './harness.ts'
import { insertPeople, insertRecentTweets, tokenOf } from './people.ts'

it('a moderator verifies somebody, which shows everywhere; with the token from before they were one they do not', async () => {
  const [moderator, user] = await insertPeople(2)
  if (!moderator || !user) throw new Error('Nobody was inserted')
  const [tweet] = await insertRecentTweets(user, 1)
  const verify = async (token: string, verified: unknown = true) =>
    api('PUT', `/api/admin/users/@${user.username}/verified`, { token, body: { verified } })
  const old = await tokenOf(moderator)
  await rows(sql`update users set role = 'moderator' where id = ${moderator.id}`)
  expect(await verify(old)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  const token = await tokenOf({ ...moderator, role: 'moderator' })
  expect(await verify(token, 'yes')).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  expect(await verify(token)).toMatchObject({ status: 200, body: { id: user.id, verified: true } })
  expect(await api('GET', `/api/users/${user.id}`)).toMatchObject({ body: { verified: true } })
  expect(await api('GET', `/api/tweets/${tweet}`)).toMatchObject({ body: { user: { verified: true } } })
  await rows(sql`update users set role = 'user' where id = ${moderator.id}`)
  expect(await verify(token, false)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
})
