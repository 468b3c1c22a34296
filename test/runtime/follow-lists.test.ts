import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { type UserPage, userPage } from '../../src/contracts/http/users.ts'
import { encodeCursor } from '../../src/domain/cursor.ts'
import { api, type Registered, registerUser, rows } from './harness.ts'

const MISSING_ID = Number.MAX_SAFE_INTEGER

const read = (path: string, reader?: Registered) =>
  api('GET', path, reader === undefined ? {} : { token: reader.accessToken })

describe.each(['followers', 'following'] as const)('the list of %s', (direction) => {
  const list = async (ref: number | string, query = '', reader?: Registered): Promise<UserPage> => {
    const answer = await read(`/api/users/${ref}/${direction}${query}`, reader)
    expect(answer.status).toBe(200)
    return userPage.parse(answer.body)
  }
  /** Someone with five on this list, who all came at one moment. */
  const popular = async () => {
    const owner = await registerUser()
    const { id } = owner.user
    const [from, to] = direction === 'followers' ? [sql`n`, sql`${id}::bigint`] : [sql`${id}::bigint`, sql`n`]
    await rows(sql`
      with others as (
        insert into users (id, username, email, password_hash, display_name)
        select id, 'listed_' || id, id || '@example.com', '', 'Listed'
        from generate_series(${id}::bigint + 1, ${id}::bigint + 5) id
        returning id as n
      )
      insert into follows (follower_id, following_id, created_at) select ${from}, ${to}, now() from others`)
    return owner
  }

  it('is read page by page, each user once, with the relationship for who is signed in', async () => {
    const [owner, reader] = [await popular(), await registerUser()]
    const first = await list(`@${owner.user.username}`, '?limit=2', reader)
    expect(first.pagination).toMatchObject({ limit: 2, offset: 0, has_more: true })
    expect(first.users[0]?.relationship).toMatchObject({ is_following: false, is_muting: false })
    const second = await list(owner.user.id, `?limit=2&cursor=${first.pagination.next_cursor}`)
    const third = await list(owner.user.id, `?limit=2&cursor=${second.pagination.next_cursor}`)
    expect(third.pagination).toEqual({ limit: 2, offset: 0, has_more: false, next_cursor: null })
    const ids = [first, second, third].flatMap(({ users }) => users.map(({ id }) => id))
    expect(ids).toEqual([5, 4, 3, 2, 1].map((n) => owner.user.id + n))
    expect(second.users[0]).not.toHaveProperty('relationship')
  })

  it('is read by offset too, and an exact last page has nothing after it', async () => {
    const owner = await popular()
    const page = await list(owner.user.id, '?limit=3&offset=2')
    expect(page.users.map(({ id }) => id - owner.user.id)).toEqual([3, 2, 1])
    expect(page.pagination).toEqual({ limit: 3, offset: 2, has_more: false, next_cursor: null })
    expect(await list(owner.user.id, '?offset=10000')).toMatchObject({ users: [] })
  })

  it('is empty for others than its followers when the account is private, and there for itself', async () => {
    const [owner, stranger] = [await popular(), await registerUser()]
    await rows(sql`update users set is_private = true where id = ${owner.user.id}`)
    const nothing = { users: [], pagination: { has_more: false, next_cursor: null } }
    expect(await list(owner.user.id)).toMatchObject(nothing)
    expect(await list(owner.user.id, '', stranger)).toMatchObject(nothing)
    expect((await list(owner.user.id, '', owner)).users).toHaveLength(5)
  })

  it.each([
    ['?limit=0', 'validation_failed'],
    ['?limit=-1', 'validation_failed'],
    ['?limit=101', 'validation_failed'],
    ['?limit=ten', 'validation_failed'],
    ['?offset=-1', 'validation_failed'],
    ['?offset=10001', 'offset_too_large'],
    ['?cursor=&limit=1', 'invalid_cursor'],
    ['?cursor=nonsense', 'invalid_cursor'],
    [`?cursor=${encodeCursor(direction, ['1', 2])}&offset=0`, 'validation_failed'],
    [
      `?cursor=${encodeCursor(direction === 'followers' ? 'following' : 'followers', ['1', 2])}`,
      'invalid_cursor',
    ],
    [`?cursor=${encodeCursor(direction, [1, 2])}`, 'invalid_cursor'],
    [`?cursor=${encodeCursor(direction, ['1'])}`, 'invalid_cursor'],
    [`?cursor=${encodeCursor(direction, ['99999999999999999', 2])}`, 'invalid_cursor'],
    [`?cursor=${encodeCursor(direction, ['-1', 2])}`, 'invalid_cursor'],
  ])('answers a problem for %s', async (query, code) => {
    const answer = await read(`/api/users/1/${direction}${query}`)
    expect(answer).toMatchObject({ status: 400, body: { code } })
  })

  it('takes any place in time as a cursor', async () => {
    const owner = await popular()
    const from = (atUs: string) => list(owner.user.id, `?cursor=${encodeCursor(direction, [atUs, 1])}`)
    expect((await from('9999999999999999')).users).toHaveLength(5)
    expect((await from('0')).users).toEqual([])
  })

  it('is nobody’s where there is no such user', async () => {
    expect(await read(`/api/users/${MISSING_ID}/${direction}`)).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    })
  })
})
