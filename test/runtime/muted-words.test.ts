import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { mutedWordAnswer, mutedWordList } from '../../src/contracts/http/muted-words.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { type ApiAnswer, api, rows } from './harness.ts'
import { insertPeople, insertPerson, insertRecentTweets, tokenOf } from './people.ts'

const HOUR_MS = 3_600_000

const ask = async (who: Viewer, method: string, path: string, body?: unknown): Promise<ApiAnswer> =>
  api(method, `/api${path}`, { token: await tokenOf(who), ...(body === undefined ? {} : { body }) })
const mute = (who: Viewer, body: unknown) => ask(who, 'POST', '/muted-words', body)
const muted = async (who: Viewer, body: unknown) => mutedWordAnswer.parse((await mute(who, body)).body)
const listed = async (who: Viewer) =>
  mutedWordList.parse((await ask(who, 'GET', '/muted-words')).body).muted_words

describe('muted words', () => {
  it('are muted, listed newest first, muted again and unmuted', async () => {
    const who = await insertPerson()
    expect(await listed(who)).toEqual([])
    const first = await mute(who, { phrase: 'Spoiler' })
    expect(first).toMatchObject({ status: 201, body: { phrase: 'Spoiler', expires_at: null } })
    const expires_at = new Date(Date.now() + HOUR_MS).toISOString()
    const second = await mute(who, { phrase: 'Season  finale', expires_at })
    expect(second).toMatchObject({ status: 201, body: { phrase: 'Season finale', expires_at } })
    expect(await listed(who)).toEqual([second.body, first.body])

    const again = await mute(who, { phrase: 'SPOILER', expires_at })
    expect(again.status).toBe(200)
    expect(again.body).toEqual({ ...mutedWordAnswer.parse(first.body), expires_at })
    const { id } = mutedWordAnswer.parse(again.body)
    expect(await ask(who, 'DELETE', `/muted-words/${id}`)).toMatchObject({ status: 204, body: null })
    expect(await listed(who)).toEqual([second.body])
    expect(await ask(who, 'DELETE', `/muted-words/${id}`)).toMatchObject({
      status: 404,
      body: { code: 'muted_word_not_found' },
    })
  })

  it('are listed no longer once they have expired', async () => {
    const who = await insertPerson()
    const { id } = await muted(who, { phrase: 'a', expires_at: new Date(Date.now() + HOUR_MS).toISOString() })
    const kept = await muted(who, { phrase: 'b' })
    await rows(sql`update muted_words set expires_at = now() - interval '1 second' where id = ${id}`)
    expect(await listed(who)).toEqual([kept])
  })

  it('are one’s own', async () => {
    const [who, other] = await insertPeople(2)
    if (who === undefined || other === undefined) throw new Error('Nobody was inserted')
    const { id } = await muted(who, { phrase: 'cat' })
    expect(await listed(other)).toEqual([])
    expect(await ask(other, 'DELETE', `/muted-words/${id}`)).toMatchObject({ status: 404 })
    expect(await listed(who)).toHaveLength(1)
  })

  it('are two hundred at most', async () => {
    const who = await insertPerson()
    await rows(sql`
      insert into muted_words (user_id, phrase, folded) select ${who.id}, n, n from generate_series(1, 199) n`)
    expect((await mute(who, { phrase: 'the last' })).status).toBe(201)
    expect(await mute(who, { phrase: 'one more' })).toMatchObject({
      status: 409,
      body: { code: 'too_many_muted_words' },
    })
    expect((await mute(who, { phrase: 'The Last' })).status).toBe(200)
  })

  it.each([
    ['a', 'a'],
    ['  two \n\t words\u00a0here ', 'two words here'],
    ['é'.normalize('NFD'), 'é'],
    ['n\u0000ul', 'nul'],
    ['🐦'.repeat(100), '🐦'.repeat(100)],
    ['\ud800', '\ufffd'],
    ['. * + ? ^ $ { } ( ) | [ ] \\', '. * + ? ^ $ { } ( ) | [ ] \\'],
    ["'; drop table users; --", "'; drop table users; --"],
  ])('are cleaned: %j', async (phrase, cleaned) => {
    expect(await mute(await insertPerson(), { phrase })).toMatchObject({
      status: 201,
      body: { phrase: cleaned },
    })
  })

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['an empty phrase', { phrase: '' }],
    ['white space', { phrase: ' \n\t ' }],
    ['nothing to see', { phrase: '\u200b\u2060\ufe0f' }],
    ['nothing to see but marks', { phrase: '\u0301' }],
    ['a phrase of 101 characters', { phrase: 'a'.repeat(101) }],
    ['a phrase that unfolds to many', { phrase: 'ﷺ'.repeat(100) }],
    ['a very long phrase', { phrase: ' '.repeat(20_000) }],
    ['no text', { phrase: 7 }],
    ['the past', { phrase: 'a', expires_at: new Date(Date.now() - 1000).toISOString() }],
    ['no time', { phrase: 'a', expires_at: 'tomorrow' }],
    ['a day that is none', { phrase: 'a', expires_at: '2099-02-30T00:00:00Z' }],
    ['a time in no zone', { phrase: 'a', expires_at: '2099-01-01T00:00:00' }],
    ['a number', { phrase: 'a', expires_at: 4_000_000_000 }],
  ])('are refused: %s', async (_what, body) => {
    expect(await mute(await insertPerson(), body)).toMatchObject({
      status: 400,
      body: { code: 'validation_failed' },
    })
  })

  it.each([
    ['2099-01-01T00:00:00Z', '2099-01-01T00:00:00.000Z'],
    ['2099-01-01T01:00:00.123456+01:00', '2099-01-01T00:00:00.123Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    [null, null],
  ])('end at any time to come: %s', async (expires_at, answered) => {
    const who = await insertPerson()
    expect(await muted(who, { phrase: 'a', expires_at })).toMatchObject({ expires_at: answered })
    expect(await listed(who)).toMatchObject([{ expires_at: answered }])
  })

  it('are not for the suspended', async () => {
    const who = await insertPerson()
    await rows(sql`update users set suspended_at = now() where id = ${who.id}`)
    expect(await mute(who, { phrase: 'a' })).toMatchObject({ status: 403, body: { code: 'suspended' } })
  })
})

describe('a conversation', () => {
  const conversationsOf = async ({ id }: Viewer) => {
    const found = await rows<{ id: number }>(sql`
      select conversation_id::float8 as id from muted_conversations where user_id = ${id}`)
    return z.array(z.object({ id: z.number() })).parse(found)
  }

  it('is muted and unmuted, and again does nothing', async () => {
    const [who, author] = await insertPeople(2)
    if (who === undefined || author === undefined) throw new Error('Nobody was inserted')
    const [tweet = 0] = await insertRecentTweets(author, 1)
    for (const _time of [1, 2]) {
      expect(await ask(who, 'POST', `/tweets/${tweet}/mute-conversation`)).toMatchObject({
        status: 200,
        body: { message: 'Conversation muted', is_muted: true },
      })
      expect(await conversationsOf(who)).toEqual([{ id: tweet }])
    }
    for (const _time of [1, 2]) {
      expect(await ask(who, 'DELETE', `/tweets/${tweet}/mute-conversation`)).toMatchObject({
        status: 200,
        body: { message: 'Conversation unmuted', is_muted: false },
      })
      expect(await conversationsOf(who)).toEqual([])
    }
  })

  it('that one may not see is not there, but what one has muted can be unmuted', async () => {
    const [who, author] = await insertPeople(2)
    if (who === undefined || author === undefined) throw new Error('Nobody was inserted')
    const [tweet = 0, other = 0] = await insertRecentTweets(author, 2)
    await ask(who, 'POST', `/tweets/${tweet}/mute-conversation`)
    await rows(sql`update users set is_private = true where id = ${author.id}`)
    const refused = { status: 404, body: { code: 'tweet_not_found' } }
    expect(await ask(who, 'POST', `/tweets/${tweet}/mute-conversation`)).toMatchObject(refused)
    expect(await ask(who, 'DELETE', `/tweets/${other}/mute-conversation`)).toMatchObject(refused)
    expect(await ask(who, 'DELETE', `/tweets/${tweet}/mute-conversation`)).toMatchObject({ status: 200 })
    expect(await ask(who, 'DELETE', `/tweets/${tweet}/mute-conversation`)).toMatchObject(refused)
  })
})
