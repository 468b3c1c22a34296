import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { list as listJson, listPage } from '../../src/contracts/http/lists.ts'
import { tweetPage } from '../../src/contracts/http/tweets.ts'
import { userPage } from '../../src/contracts/http/users.ts'
import { encodeCursor } from '../../src/domain/cursor.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { type ApiOptions, api, rows } from './harness.ts'
import { insertPeople, insertPerson, insertRecentTweets, tokenOf } from './people.ts'

/** Asks as somebody, or signed out. */
async function as(viewer: Viewer | null, method: string, path: string, body?: unknown) {
  const options: ApiOptions = { ...(viewer === null ? {} : { token: await tokenOf(viewer) }) }
  return api(method, `/api/lists${path}`, body === undefined ? options : { ...options, body })
}

async function scene() {
  const [owner, reader, member] = await insertPeople(3)
  if (!owner || !reader || !member) throw new Error('Nobody was inserted')
  const make = async (is_private: boolean) =>
    listJson.parse((await as(owner, 'POST', '', { name: 'Birds', is_private })).body).id
  const [open, secret] = [await make(false), await make(true)]
  for (const id of [open, secret]) {
    expect(await as(owner, 'POST', `/${id}/members/${member.id}`)).toMatchObject({ status: 200 })
  }
  return { owner, reader, member, open, secret }
}

const problemOf = (status: number, code: string) => ({ status, body: { code } })

describe('a list', () => {
  it('is made, changed and deleted', async () => {
    const owner = await insertPerson()
    const made = await as(owner, 'POST', '', { name: ' Night\nbirds ' })
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'Night birds', is_private: false, member_count: 0, owner: { id: owner.id } },
    })
    const list = listJson.parse(made.body)
    expect(await as(owner, 'GET', `/${list.id}`)).toMatchObject({ status: 200, body: list })
    const changed = await as(owner, 'PUT', `/${list.id}`, { name: 'Owls', is_private: true })
    expect(changed).toMatchObject({ status: 200, body: { name: 'Owls', is_private: true } })
    expect(await as(owner, 'PUT', `/${list.id}`, { is_private: null })).toMatchObject({
      status: 200,
      body: { name: 'Owls', is_private: true },
    })
    expect(await as(owner, 'DELETE', `/${list.id}`)).toMatchObject({ status: 204 })
    expect(await as(owner, 'DELETE', `/${list.id}`)).toMatchObject(problemOf(404, 'list_not_found'))
  })

  it.each([
    ['', 400],
    ['   ', 400],
    ['\u200b', 400],
    ['🐦'.repeat(50), 201],
    ['🐦'.repeat(51), 400],
    ['a'.repeat(50), 201],
    [' '.repeat(9) + 'a'.repeat(50), 201],
    ['a'.repeat(51), 400],
  ])('has a name of 1 to 50 characters: %j', async (name, status) => {
    const owner = await insertPerson()
    expect((await as(owner, 'POST', '', { name })).status).toBe(status)
  })

  it('is public or its owner’s alone, and changed by its owner', async () => {
    const { owner, reader, member, open, secret } = await scene()
    const acts: [string, string, unknown?][] = [
      ['PUT', '', { name: 'Mine' }],
      ['POST', `/members/${reader.id}`],
      ['DELETE', `/members/${member.id}`],
      ['DELETE', ''],
    ]
    for (const viewer of [reader, member, null]) {
      for (const part of ['', '/members', '/timeline']) {
        expect((await as(viewer, 'GET', `/${open}${part}`)).status).toBe(200)
        expect(await as(viewer, 'GET', `/${secret}${part}`)).toMatchObject(problemOf(404, 'list_not_found'))
        expect((await as(owner, 'GET', `/${secret}${part}`)).status).toBe(200)
      }
      for (const [method, part, body] of acts) {
        const [toOpen, toSecret] = [
          await as(viewer, method, `/${open}${part}`, body),
          await as(viewer, method, `/${secret}${part}`, body),
        ]
        if (viewer === null) {
          expect([toOpen.status, toSecret.status]).toEqual([401, 401])
        } else {
          expect(toOpen).toMatchObject(problemOf(403, 'forbidden'))
          expect(toSecret).toMatchObject(problemOf(404, 'list_not_found'))
        }
      }
    }
  })
})

describe('the lists', () => {
  const idsOf = (body: unknown) => listPage.parse(body).lists.map(({ id }) => id)

  it('are one’s own, or another’s that are public', async () => {
    const { owner, reader, open, secret } = await scene()
    expect(idsOf((await as(owner, 'GET', '')).body)).toEqual([secret, open])
    expect(idsOf((await as(reader, 'GET', '')).body)).toEqual([])
    expect(idsOf((await as(owner, 'GET', `?user=@${owner.username}`)).body)).toEqual([secret, open])
    for (const viewer of [reader, null]) {
      for (const ref of [owner.id, `@${owner.username}`]) {
        expect(idsOf((await as(viewer, 'GET', `?user=${ref}`)).body)).toEqual([open])
      }
    }
    expect(await as(null, 'GET', '')).toMatchObject(problemOf(401, 'unauthenticated'))
    expect(await as(null, 'GET', '?user=@nobody_at_all')).toMatchObject(problemOf(404, 'user_not_found'))
    expect(await as(null, 'GET', '?user=me')).toMatchObject(problemOf(400, 'validation_failed'))
  })

  it('come page by page', async () => {
    const { owner, open, secret } = await scene()
    const first = listPage.parse((await as(owner, 'GET', '?limit=1')).body)
    expect([idsOf(first), first.pagination.has_more]).toEqual([[secret], true])
    const second = listPage.parse(
      (await as(owner, 'GET', `?limit=1&cursor=${first.pagination.next_cursor}`)).body,
    )
    expect([idsOf(second), second.pagination.next_cursor]).toEqual([[open], null])
  })

  it('are a hundred at most', async () => {
    const owner = await insertPerson()
    await rows(
      sql`insert into lists (owner_id, name) select ${owner.id}, 'Many' from generate_series(1, 100)`,
    )
    expect(await as(owner, 'POST', '', { name: 'One more' })).toMatchObject(problemOf(409, 'too_many_lists'))
  })
})

describe('the members of a list', () => {
  it('are put on it and taken off it, again without effect', async () => {
    const { owner, reader, open } = await scene()
    const path = `/${open}/members/@${reader.username}`
    for (let time = 0; time < 2; time++) {
      expect(await as(owner, 'POST', path)).toMatchObject({ status: 200, body: { member_count: 2 } })
    }
    const { users } = userPage.parse((await as(owner, 'GET', `/${open}/members`)).body)
    expect(users[0]).toMatchObject({ id: reader.id, relationship: { is_following: false } })
    for (let time = 0; time < 2; time++) {
      expect(await as(owner, 'DELETE', path)).toMatchObject({ status: 200, body: { member_count: 1 } })
    }
  })

  it('are nobody who is missing, blocks one or is blocked, and no more than five hundred', async () => {
    const { owner, reader, open } = await scene()
    const put = () => as(owner, 'POST', `/${open}/members/${reader.id}`)
    const block = (by: Viewer, of: Viewer) =>
      rows(sql`insert into blocks (blocker_id, blocked_id) values (${by.id}, ${of.id})`)
    const missing = await as(owner, 'POST', `/${open}/members/@nobody_at_all`)
    expect(missing).toMatchObject(problemOf(404, 'user_not_found'))
    await rows(sql`update lists set member_count = 500 where id = ${open}`)
    expect(await put()).toMatchObject(problemOf(409, 'list_full'))
    await block(owner, reader)
    expect(await put()).toMatchObject(problemOf(403, 'forbidden'))
    await block(reader, owner)
    expect(await put()).toMatchObject(problemOf(403, 'blocked'))
  })
})

describe('the timeline of a list', () => {
  it('is what its members tweet, page by page by cursor and by offset', async () => {
    const { owner, member, open } = await scene()
    const tweets = (await insertRecentTweets(member, 5)).toSorted((a, b) => b - a)
    const read = async (query: string) =>
      tweetPage.parse((await as(owner, 'GET', `/${open}/timeline${query}`)).body)
    const ids: number[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Awaited<ReturnType<typeof read>> = await read(
        `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
      ids.push(...page.tweets.map(({ id }) => id))
      cursor = page.pagination.next_cursor
    }
    expect(ids).toEqual(tweets)
    expect((await read('?limit=2&offset=3')).tweets.map(({ id }) => id)).toEqual(tweets.slice(3))
  })

  it.each([
    ['?offset=801', 'offset_too_large'],
    [`?cursor=${encodeCursor('list-timeline', [1])}`, 'invalid_cursor'],
    [`?cursor=${encodeCursor('list-timeline', [1, 0])}`, 'invalid_cursor'],
    [`?cursor=${encodeCursor('home', [1, 1])}`, 'invalid_cursor'],
  ])('answers a problem for %s', async (query, code) => {
    const { owner, open } = await scene()
    expect(await as(owner, 'GET', `/${open}/timeline${query}`)).toMatchObject(problemOf(400, code))
  })
})
