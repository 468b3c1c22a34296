import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { homePage } from '../../src/contracts/http/timelines.ts'
import { encodeCursor } from '../../src/domain/cursor.ts'
import { type EntryId, MAX_ID } from '../../src/domain/ids.ts'
import { TAG_BYTES } from '../../src/domain/window-order.ts'
import { HOME_CURSOR } from '../../src/worker/home-places.ts'
import { TOP_CURSOR, topCursor } from '../../src/worker/top-places.ts'
import { refuseDatabase } from './database-gate.ts'
import { type ApiAnswer, api } from './harness.ts'
import { setTopScene } from './home-tops.ts'
import { insertFollowers, insertPeople, insertRecentTweets, tokenOf } from './people.ts'
import { openIsolate } from './spending.ts'

/** What `pageQuery` lets through. */
const CURSOR_MAX = 1024
const TOP = '/api/timeline/home?sort=top'

async function setScene(tweets: number) {
  const [reader, author] = await insertPeople(2)
  if (!reader || !author) throw new Error('Two')
  await insertFollowers([reader], author)
  const ids = await insertRecentTweets(author, tweets)
  const token = await tokenOf(reader)
  const ask = (query: string) => api('GET', `/api/timeline/home?${query}`, { token })
  return { ids, token, ask }
}

const pageOf = ({ status, body }: ApiAnswer) => {
  expect(status, JSON.stringify(body)).toBe(200)
  return homePage.parse(body)
}
const codeOf = ({ status, body }: ApiAnswer) => [status, (body as { code: string }).code]
const INVALID = [400, 'invalid_cursor']

describe('GET /api/timeline/home?sort=top', () => {
  it('answers pages by cursor and by offset, and never leads back', async () => {
    const { ids, ask } = await setScene(25)
    const first = pageOf(await ask('sort=top&limit=10'))
    expect(first.pagination).toMatchObject({ limit: 10, offset: 0, has_more: true, prev_cursor: null })
    const second = pageOf(await ask(`sort=top&limit=15&cursor=${first.pagination.next_cursor}`))
    expect(second.pagination).toMatchObject({ has_more: false, next_cursor: null, prev_cursor: null })
    const byOffset = pageOf(await ask('sort=top&limit=15&offset=10'))
    expect([...first.tweets, ...second.tweets].map(({ id }) => id)).toEqual(ids)
    expect(byOffset.tweets).toEqual(second.tweets)
    expect(byOffset.pagination).toMatchObject({ limit: 15, offset: 10, has_more: false })
  })

  it('takes limits from 1 to 100 and offsets up to what is kept', async () => {
    const { ids, ask } = await setScene(120)
    expect(pageOf(await ask('sort=top')).tweets).toHaveLength(20)
    expect(pageOf(await ask('sort=top&limit=1')).tweets.map(({ id }) => id)).toEqual([ids[0]])
    expect(pageOf(await ask('sort=top&limit=100')).tweets).toHaveLength(100)
    expect(pageOf(await ask('sort=top&offset=800')).tweets).toEqual([])
    for (const limit of ['0', '101', '-1', '1.5', 'x']) {
      expect(codeOf(await ask(`sort=top&limit=${limit}`))).toEqual([400, 'validation_failed'])
    }
    expect(codeOf(await ask('sort=top&offset=801'))).toEqual([400, 'offset_too_large'])
    expect(codeOf(await ask('sort=top&offset=-1'))).toEqual([400, 'validation_failed'])
    expect(codeOf(await ask('sort=top&around=marker'))).toEqual([400, 'validation_failed'])
  })

  it('says `stale` when the database does not answer', async () => {
    const { ids, token } = await setScene(5)
    const fresh = await openIsolate().spend('GET', TOP, { token })
    expect(fresh.headers.get('x-degraded')).toBeNull()
    using _gate = refuseDatabase()
    const answer = await openIsolate().spend('GET', TOP, { token })
    expect(answer.headers.get('x-degraded')).toBe('stale')
    expect(pageOf(answer).tweets.map(({ id }) => id)).toEqual(ids)
  })

  it('costs one call of the object and no statement once the counts are cached', async () => {
    const { token } = await setScene(30)
    const isolate = openIsolate()
    await isolate.spend('GET', TOP, { token })
    const page = await isolate.spend('GET', TOP, { token })
    expect(page.spending).toEqual({ sql: 0, objectSql: 0, objectCalls: 1, passwordCalls: 0, searchCalls: 0 })
    const next = pageOf(page).pagination.next_cursor
    const second = await isolate.spend('GET', `${TOP}&cursor=${next}`, { token })
    expect(second.spending).toEqual({
      sql: 0,
      objectSql: 0,
      objectCalls: 1,
      passwordCalls: 0,
      searchCalls: 0,
    })
  })
})

describe('a cursor', () => {
  it('is short enough to be taken, however much of a window is left', async () => {
    const { ask } = await setScene(130)
    let next: string | null = ''
    for (let page = 1; page <= 3 && next !== null; page++) {
      next = pageOf(await ask(`sort=top&limit=1${next === '' ? '' : `&cursor=${next}`}`)).pagination
        .next_cursor
      expect(next?.length).toBeLessThanOrEqual(CURSOR_MAX)
    }
  })

  it('is short enough for the largest ids there are', () => {
    const order = Array.from({ length: 100 }, () => 2 ** (8 * TAG_BYTES) - 1)
    const cursor = topCursor({ top: MAX_ID as EntryId, before: MAX_ID, ranked: { order, end: MAX_ID } })
    expect(cursor.length).toBeLessThanOrEqual(CURSOR_MAX)
  })

  it('of one order is not taken for the other', async () => {
    const { ask } = await setScene(8)
    const latest = pageOf(await ask('limit=3')).pagination.next_cursor
    const top = pageOf(await ask('sort=top&limit=3')).pagination.next_cursor
    expect(codeOf(await ask(`sort=top&cursor=${latest}`))).toEqual(INVALID)
    expect(codeOf(await ask(`cursor=${top}`))).toEqual(INVALID)
    expect(codeOf(await ask(`sort=top&cursor=${top}&offset=0`))).toEqual([400, 'validation_failed'])
  })

  it.each<[string, (number | string)[]]>([
    ['without parts', []],
    ['with too few parts', [5, 0]],
    ['with too many parts', [5, 0, 0, '', 1]],
    ['with a text for a top', ['5', 0, 0, '']],
    ['with no top', [0, 0, 0, '']],
    ['with a negative top', [-5, 0, 0, '']],
    ['with a negative place', [5, -1, 0, 'AAAAAAA']],
    ['with a negative end', [5, 0, -1, 'AAAAAAA']],
    ['with a text for an end', [5, 0, 'x', 'AAAAAAA']],
    ['with a number for an order', [5, 0, 0, 7]],
    ['with an order that is cut off', [5, 0, 0, 'AAAA']],
  ])('%s is refused', async (_name, parts) => {
    const { token } = await setScene(0)
    const cursor = encodeCursor(TOP_CURSOR, parts)
    expect(codeOf(await api('GET', `${TOP}&cursor=${cursor}`, { token }))).toEqual(INVALID)
  })

  it.each(['%00', 'x', '!!!', 'bm9wZQ', 'W10', encodeCursor(HOME_CURSOR, [5, 5]), encodeCursor('user', [5])])(
    'that is none is refused: %s',
    async (cursor) => {
      const { ask } = await setScene(0)
      expect(codeOf(await ask(`sort=top&cursor=${cursor}`))).toEqual(INVALID)
    },
  )

  it('with an order as long as it may be is read as any other, and a longer one is refused', async () => {
    const { ids, ask } = await setScene(3)
    const [newest = 0] = ids
    const order = 'A'.repeat(700)
    const answer = await ask(`sort=top&cursor=${encodeCursor(TOP_CURSOR, [newest, 0, 1, order])}`)
    expect(pageOf(answer).tweets).toEqual([])
    expect((await ask(`sort=top&cursor=${'A'.repeat(CURSOR_MAX + 1)}`)).status).toBe(400)
  })

  it('that somebody made up is answered with a page or refused, and never breaks', async () => {
    const { ids, ask } = await setScene(6)
    const { reader } = await setTopScene()
    const number = fc.oneof(
      fc.constantFrom(0, 1, MAX_ID, MAX_ID - 1, reader.id, ...ids),
      fc.integer({ min: -5, max: 5 }),
      fc.maxSafeInteger(),
    )
    const order = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => btoa(String.fromCharCode(...bytes))),
      fc.stringMatching(/^[\w-]{0,200}$/),
      fc.string({ unit: fc.constantFrom('A', 'é', '-', '=', ' ', '😀') }),
    )
    await fc.assert(
      fc.asyncProperty(number, number, number, order, fc.integer({ min: 1, max: 100 }), async (...given) => {
        const [top, before, end, tags, limit] = given
        const answer = await ask(
          `sort=top&limit=${limit}&cursor=${encodeCursor(TOP_CURSOR, [top, before, end, tags])}`,
        )
        if (answer.status === 200) {
          const { tweets } = pageOf(answer)
          expect(new Set(tweets.map(({ id }) => id)).size).toBe(tweets.length)
        } else expect(codeOf(answer)).toEqual(INVALID)
      }),
      { numRuns: 60 },
    )
  })
})
