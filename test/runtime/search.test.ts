import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { api, rows } from './harness.ts'
import { insertPeople, insertPerson, tokenOf } from './people.ts'
import { foundIds, ownWord, search, tell, untilFound } from './searching.ts'

async function signedIn() {
  const person = await insertPerson()
  return { person, token: await tokenOf(person) }
}

async function posted(token: string, content: string): Promise<number> {
  const { status, body } = await api('POST', '/api/tweets', { token, body: { content } })
  expect(status).toBe(201)
  return Object(body).id
}

const idsIn = (body: unknown): number[] => Object(body).users.map(({ id }: { id: number }) => id)

describe('a tweet', () => {
  it('is found by its words soon after it was posted, with where they stand', async () => {
    const [{ token }, reader] = [await signedIn(), await signedIn()]
    const word = ownWord()
    const id = await posted(token, `A 🦆 and a ${word}, it was`)
    await untilFound(reader.token, word, [id])
    const { tweets, did_you_mean } = await search(reader.token, word)
    expect(did_you_mean).toBeNull()
    expect(tweets).toMatchObject([{ id, highlights: [[10, 10 + word.length]] }])
  })

  it('each one of many is found, whichever way it was posted', async () => {
    const [{ token }, word] = [await signedIn(), ownWord()]
    const ids: number[] = []
    for (let n = 0; n < 30; n++) ids.unshift(await posted(token, `${word} number ${n}`))
    const drafts = [1, 2, 3].map((n) => ({ content: `${word} thread ${n}` }))
    const { body } = await api('POST', '/api/threads', { token, body: { tweets: drafts } })
    for (const { id } of Object(body).tweets) ids.unshift(id)
    await untilFound(token, `${word} thread`, ids.slice(0, 3))
    const seen: number[] = []
    await untilFound(token, word, ids.slice(0, 20))
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await search(token, word, {
        limit: 7,
        sort: 'latest',
        ...(cursor === '' ? {} : { cursor }),
      })
      seen.push(...page.tweets.map(({ id }) => id))
      cursor = page.pagination.next_cursor
    }
    expect(seen).toEqual(ids)
  })

  it('that was deleted, or is private now, is not found from that moment on', async () => {
    const [author, reader, word] = [await signedIn(), await signedIn(), ownWord()]
    const first = await posted(author.token, `${word} one`)
    const second = await posted(author.token, `${word} two`)
    await untilFound(reader.token, word, [second, first])
    await api('DELETE', `/api/tweets/${first}`, { token: author.token })
    expect(await foundIds(reader.token, word)).toEqual([second])
    await api('PUT', `/api/users/${author.person.id}`, { token: author.token, body: { is_private: true } })
    expect(await foundIds(reader.token, word)).toEqual([])
    await api('PUT', `/api/users/${author.person.id}`, { token: author.token, body: { is_private: false } })
    await untilFound(reader.token, word, [second])
  })

  it('is not found across a block, either way, nor of those one has muted', async () => {
    const [author, reader, word] = [await signedIn(), await signedIn(), ownWord()]
    const id = await posted(author.token, word)
    await untilFound(reader.token, word, [id])
    for (const [one, other] of [
      [author, reader],
      [reader, author],
    ] as const) {
      await api('POST', `/api/users/${other.person.id}/block`, { token: one.token })
      expect(await foundIds(reader.token, word)).toEqual([])
      await api('DELETE', `/api/users/${other.person.id}/block`, { token: one.token })
      expect(await foundIds(reader.token, word)).toEqual([id])
    }
    await api('POST', `/api/users/${author.person.id}/mute`, { token: reader.token })
    expect(await foundIds(reader.token, word)).toEqual([])
    expect(await foundIds(reader.token, `${word} from:${author.person.username}`)).toEqual([id])
  })

  it.each(['relevance', 'latest', 'top'])(
    'is there once, whatever is posted while one scrolls by %s',
    async (sort) => {
      const [author, reader, word] = [await signedIn(), await signedIn(), ownWord()]
      const ids: number[] = []
      for (let n = 0; n < 12; n++) ids.push(await posted(author.token, `${word} ${'heron '.repeat(n % 5)}`))
      await untilFound(reader.token, word, ids.toReversed())
      const seen: number[] = []
      const meanwhile: number[] = []
      let cursor: string | null = null
      do {
        const page = await search(reader.token, word, {
          sort,
          limit: 3,
          ...(cursor === null ? {} : { cursor }),
        })
        seen.push(...page.tweets.map(({ id }) => id))
        cursor = page.pagination.next_cursor
        const more = await posted(author.token, `${word} heron meanwhile`)
        meanwhile.unshift(more)
        await untilFound(reader.token, `${word} meanwhile`, meanwhile)
      } while (cursor !== null)
      expect(seen.toSorted()).toEqual(ids.toSorted())
    },
  )

  it('is found by what was probably meant', async () => {
    const [{ token }, word] = [await signedIn(), ownWord()]
    const ids: number[] = []
    for (let n = 0; n < 4; n++) ids.unshift(await posted(token, `${word} ${n}`))
    await untilFound(token, word, ids)
    const misspelt = `${word.slice(0, 5)}${word.slice(6)}`
    const { tweets, did_you_mean } = await search(token, misspelt, { sort: 'latest' })
    expect([did_you_mean, tweets.map(({ id }) => id)]).toEqual([word, ids])
  })
})

describe('people', () => {
  it('are found by what one has typed of their name so far, under both paths', async () => {
    const { token } = await signedIn()
    // What is typed looks like a plural, and is none.
    const name = `${ownWord().slice(0, 8)}stone`
    const body = {
      username: name,
      email: `${name}@example.com`,
      password: 'seven purple herons',
      display_name: 'N',
    }
    const registered = await api('POST', '/api/auth/register', { body })
    const { id } = Object(registered.body).user
    for (const path of ['/api/search/users', '/api/users/search']) {
      await expect
        .poll(async () => idsIn((await api('GET', `${path}?q=${name.slice(0, 9)}`, { token })).body), {
          timeout: 20_000,
        })
        .toEqual([id])
    }
    const { body: found } = await api('GET', `/api/search/users?q=${name}`, { token })
    expect(found).toMatchObject({
      users: [{ id, username: name, verified: false, relationship: { is_following: false } }],
      pagination: { limit: 20, offset: 0, has_more: false, next_cursor: null },
    })
  })

  it('come first whom one follows, then the verified', async () => {
    const { person, token } = await signedIn()
    const word = ownWord()
    const [plain, verified, followed] = await insertPeople(3)
    for (const [index, one] of [plain, verified, followed].entries()) {
      await rows(
        sql`update users set username = ${`${word}${index}`}, verified = ${index === 1} where id = ${one?.id}`,
      )
      await tell(
        await rows<OutboxRow>(sql`
        insert into outbox (queue, message, next_attempt_at)
        values ('search', jsonb_build_object('type', 'user_changed', 'v', 1, 'user_id', ${one?.id}::bigint), now())
        returning id::float8 as id, queue, message`),
      )
    }
    await rows(sql`insert into follows (follower_id, following_id) values (${person.id}, ${followed?.id})`)
    const { body } = await api('GET', `/api/search/users?q=${word}`, { token })
    expect(idsIn(body)).toEqual([followed?.id, verified?.id, plain?.id])
  })
})

describe('hashtags', () => {
  it('are found as one types, with how many public tweets have them', async () => {
    const [{ token }, word] = [await signedIn(), ownWord()]
    for (const tag of [`${word}one`, `${word}one`, `${word}two`]) await posted(token, `#${tag}`)
    await expect
      .poll(async () => (await api('GET', `/api/search/hashtags?q=${word}`, { token })).body, {
        timeout: 20_000,
      })
      .toMatchObject({
        hashtags: [
          { name: `${word}one`, tweet_count: 2 },
          { name: `${word}two`, tweet_count: 1 },
        ],
      })
    const first = await api('GET', `/api/search/hashtags?q=%23${word}&limit=1`, { token })
    expect(first.body).toMatchObject({ hashtags: [{ name: `${word}one` }], pagination: { has_more: true } })
    const cursor = Object(first.body).pagination.next_cursor
    const second = await api('GET', `/api/search/hashtags?q=%23${word}&limit=1&cursor=${cursor}`, { token })
    expect(second.body).toMatchObject({ hashtags: [{ name: `${word}two` }], pagination: { has_more: false } })
  })
})

describe('what cannot be searched for', () => {
  it.each([
    ['', 'query.q', 'must say what is searched for'],
    ['%20%20', 'query.q', 'must say what is searched for'],
    ['a%00b', 'query.q', 'must be text'],
    ['x'.repeat(501), 'query.q', '500'],
    ['heron%20since%3Asoon', 'query.q', 'character 7'],
    ['%2E%2E', 'query.q', 'nothing'],
  ])('is refused with where it is wrong: %s', async (q, path, message) => {
    const { token } = await signedIn()
    const { status, body } = await api('GET', `/api/search/tweets?q=${q}`, { token })
    expect([status, body]).toMatchObject([
      400,
      { code: 'validation_failed', errors: [{ path, message: expect.stringContaining(message) }] },
    ])
  })

  it.each(['/api/search/tweets', '/api/search/users', '/api/users/search', '/api/search/hashtags'])(
    'is refused at %s for cursors of other lists and offsets that are too large',
    async (path) => {
      const { token } = await signedIn()
      const codeOf = async (query: string) =>
        Object((await api('GET', `${path}?${query}`, { token })).body).code
      const cursor = 'WzEsImxpa2VzIiwiMSIsMV0'
      expect(await codeOf('q=a&offset=801')).toBe('offset_too_large')
      expect(await codeOf(`q=a&cursor=${cursor}`)).toBe('invalid_cursor')
      expect(await codeOf('limit=3')).toBe('validation_failed')
      expect((await api('GET', `${path}?q=a&offset=800`, { token })).status).toBe(200)
      expect((await api('GET', `${path}?q=a`)).status).toBe(401)
    },
  )
})
