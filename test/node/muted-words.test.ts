import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { pullTimeline, readHomeBelow } from '../../src/db/statements/home-timeline.ts'
import {
  deleteMutedWord,
  type MutedWordPut,
  putMutedWord,
  readMutedWords,
  readPreferences,
} from '../../src/db/statements/muted-words.ts'
import { updateProfile } from '../../src/db/statements/update-profile.ts'
import { MAX_ID, type UserId } from '../../src/domain/ids.ts'
import { foldPhrase } from '../../src/domain/muted-words.ts'
import { until } from '../../tools/stack/until.ts'
import { type Community, communityIn } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const HOUR_MS = 3_600_000
const MAX = 200

const mute = (user: UserId, phrase: string, expiresAtMs: number | null = null, max = MAX) =>
  putMutedWord(db, user, { phrase, folded: foldPhrase(phrase), expiresAtMs }, max)

async function muted(user: UserId, phrase: string, expiresAtMs: number | null = null) {
  const result = await mute(user, phrase, expiresAtMs)
  if (!('word' in result)) throw new Error(`Not muted: ${result.outcome}`)
  return result
}

const phrasesOf = async (user: UserId) => (await readMutedWords(db, user)).map(({ phrase }) => phrase)
const sortedPhrases = (words: readonly { phrase: string }[]) => words.map(({ phrase }) => phrase).sort()

/** Lets a word's time run out. */
async function expire(user: UserId, phrase: string): Promise<void> {
  await database.pool.query(
    `update muted_words set expires_at = now() - interval '1 second' where user_id = $1 and phrase = $2`,
    [user, phrase],
  )
}

async function stored(user: UserId): Promise<number> {
  const { rowCount } = await database.pool.query('select from muted_words where user_id = $1', [user])
  return rowCount ?? 0
}

async function owed(user: UserId): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `select message from outbox where message ->> 'user_id' = $1::text order by id`,
    [user],
  )
  return rows.map(({ message }) => message)
}

const warm = (user: UserId) =>
  database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [user])

describe('a phrase', () => {
  it('is muted with its expiry, listed newest first, and owed to the user’s timeline', async () => {
    const user = await people.addUser()
    const expiresAtMs = Date.now() + HOUR_MS
    const first = await muted(user, 'Cat')
    const second = await muted(user, 'Good morning', expiresAtMs)
    expect(second).toMatchObject({
      outcome: 'added',
      changed: true,
      word: { phrase: 'Good morning', expires_at: expiresAtMs },
      outbox: [{ queue: 'fan-out', message: { type: 'preferences_changed', v: 1, user_id: user } }],
    })
    expect(sortedPhrases(second.state.words)).toEqual(['Cat', 'Good morning'])
    expect(second.state.words).toContainEqual({ phrase: 'Good morning', expiresAtMs })
    expect(await readMutedWords(db, user)).toEqual([second.word, first.word])
    expect(await owed(user)).toHaveLength(2)
  })

  it('that is muted again, however it is written, is the same with the new expiry', async () => {
    const user = await people.addUser()
    const { word } = await muted(user, 'Straße')
    const expiresAtMs = Date.now() + HOUR_MS
    const again = await muted(user, 'STRASSE', expiresAtMs)
    expect(again).toMatchObject({
      outcome: 'there',
      changed: true,
      word: { ...word, expires_at: expiresAtMs },
    })
    expect(again.state.words).toEqual([{ phrase: 'Straße', expiresAtMs }])
    expect(await muted(user, 'straße')).toMatchObject({ changed: true, word })
    expect(await stored(user)).toBe(1)
  })

  it('that is muted again to no other end changes and owes nothing, and tells what holds', async () => {
    const user = await people.addUser()
    const first = await muted(user, 'cat')
    const again = await muted(user, 'cat')
    expect(again).toMatchObject({ outcome: 'there', changed: false, word: first.word, outbox: [] })
    expect(again.state.words).toEqual([{ phrase: 'cat', expiresAtMs: null }])
    expect(await owed(user)).toHaveLength(1)
  })

  it('that has expired is neither listed nor told, and can be muted anew', async () => {
    const user = await people.addUser()
    const old = await muted(user, 'cat', Date.now() + HOUR_MS)
    await muted(user, 'dog')
    await expire(user, 'cat')
    expect(await phrasesOf(user)).toEqual(['dog'])
    const other = await muted(user, 'fox')
    expect(sortedPhrases(other.state.words)).toEqual(['dog', 'fox'])
    const again = await muted(user, 'cat')
    expect(again).toMatchObject({ outcome: 'added', word: { expires_at: null } })
    expect(again.word.id).not.toBe(old.word.id)
  })

  it('is unmuted once, by its owner alone', async () => {
    const [user, other] = [await people.addUser(), await people.addUser()]
    const { word } = await muted(user, 'cat')
    await muted(user, 'dog')
    expect(await deleteMutedWord(db, other, word.id)).toEqual({ outcome: 'muted_word_not_found' })
    expect(await phrasesOf(user)).toEqual(['dog', 'cat'])
    expect(await deleteMutedWord(db, user, word.id)).toMatchObject({
      outcome: 'deleted',
      state: { words: [{ phrase: 'dog', expiresAtMs: null }] },
      outbox: [{ message: { type: 'preferences_changed', user_id: user } }],
    })
    expect(await deleteMutedWord(db, user, word.id)).toEqual({ outcome: 'muted_word_not_found' })
    expect(await owed(user)).toHaveLength(3)
    expect(await owed(other)).toEqual([])
  })

  it.each([
    ['is suspended', { suspended_at: new Date() }, 'suspended'],
    ['has left', { is_active: false }, 'unauthenticated'],
  ])('is not for one who %s', async (_what, columns, outcome) => {
    const user = await people.addUser(columns)
    expect(await mute(user, 'cat')).toEqual({ outcome })
    await database.pool.query(`insert into muted_words (user_id, phrase, folded) values ($1, 'a', 'a')`, [
      user,
    ])
    const [word] = await readMutedWords(db, user)
    expect(await deleteMutedWord(db, user, word?.id ?? 0)).toEqual({ outcome })
    expect(await owed(user)).toEqual([])
  })

  it('costs one round trip to mute, to unmute and to list', async () => {
    const user = await people.addUser()
    const { word } = await muted(user, 'cat')
    expect(await roundTripsOf(database, () => mute(user, 'dog'))).toBe(1)
    expect(await roundTripsOf(database, () => deleteMutedWord(db, user, word.id))).toBe(1)
    expect(await roundTripsOf(database, () => readMutedWords(db, user))).toBe(1)
  })

  it('may be anything that folds to something', async () => {
    const user = await people.addUser()
    for (const phrase of [
      '👩‍👩‍👧',
      "'; drop table muted_words; --",
      '%_\\',
      '猫',
      'a'.repeat(100),
      'ﷺ'.repeat(20),
    ]) {
      expect(await mute(user, phrase)).toMatchObject({ outcome: 'added', word: { phrase } })
    }
  })
})

describe('the number of muted words', () => {
  it('is limited, but not the repeats', async () => {
    const user = await people.addUser()
    for (const phrase of ['a', 'b', 'c']) await mute(user, phrase, null, 3)
    expect(await mute(user, 'd', null, 3)).toEqual({ outcome: 'too_many_muted_words' })
    expect(await mute(user, 'B', Date.now() + HOUR_MS, 3)).toMatchObject({ outcome: 'there', changed: true })
    await expire(user, 'c')
    expect(await mute(user, 'd', null, 3)).toMatchObject({ outcome: 'added' })
    expect(await stored(user)).toBe(3)
    expect(await owed(user)).toHaveLength(5)
  })

  it('is exact however many are muted at once', async () => {
    const user = await people.addUser()
    const results = await Promise.all(Array.from({ length: 30 }, (_, n) => mute(user, `word ${n}`, null, 7)))
    const outcomes = results.map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === 'added')).toHaveLength(7)
    expect(outcomes.filter((outcome) => outcome === 'too_many_muted_words')).toHaveLength(23)
    expect(await stored(user)).toBe(7)
  })

  it('counts a phrase once that is muted many times at once', async () => {
    const user = await people.addUser()
    const results = await Promise.all(Array.from({ length: 20 }, () => mute(user, 'cat', null, 1)))
    expect(results.filter(({ outcome }) => outcome === 'added')).toHaveLength(1)
    expect(results.filter(({ outcome }) => outcome === 'there')).toHaveLength(19)
    expect(await owed(user)).toHaveLength(1)
  })
})

describe('what the timeline is told', () => {
  const versionOf = (result: MutedWordPut) => ('state' in result ? result.state.version : Number.NaN)

  it('is, under the newest version, what is stored, whatever is done at once', async () => {
    const step = fc.record({ phrase: fc.constantFrom('a', 'b', 'c', 'd'), mutes: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
        const user = await people.addUser()
        const ids = new Map<string, number>()
        for (const phrase of ['a', 'c']) ids.set(phrase, (await muted(user, phrase)).word.id)
        const results = await Promise.all(
          steps.map(async ({ phrase, mutes }) => {
            if (!mutes) return deleteMutedWord(db, user, ids.get(phrase) ?? MAX_ID)
            const result = await mute(user, phrase)
            if ('word' in result) ids.set(phrase, result.word.id)
            return result
          }),
        )
        const states = results.flatMap((result) => ('state' in result ? [result.state] : []))
        const newest = states.toSorted((a, b) => b.version - a.version)[0]
        if (newest === undefined) return
        expect(sortedPhrases(newest.words)).toEqual((await phrasesOf(user)).sort())
      }),
      { numRuns: 15 },
    )
  })

  it('is read anew for warm timelines alone, as of now', async () => {
    const [user, cold] = [await people.addUser(), await people.addUser()]
    await warm(user)
    const before = await muted(user, 'cat', Date.now() + HOUR_MS)
    await muted(user, 'gone')
    await expire(user, 'gone')
    await muted(cold, 'cat')
    const states = await readPreferences(db, [user, cold])
    expect(states).toEqual([
      { user_id: user, words: before.state.words, hidesSensitive: true, version: expect.any(Number) },
    ])
    expect(states[0]?.version).toBeGreaterThan(versionOf(before))
  })

  describe('while another change is being committed', () => {
    /** Commits of muted words take their time, with what they answer already made. */
    async function slowly<Result>(work: () => Promise<Result>): Promise<Result> {
      await database.pool.query(`
        create function slow_commit() returns trigger language plpgsql as 'begin perform pg_sleep(0.5); return null; end';
        create constraint trigger slow_commit after insert on muted_words
        deferrable initially deferred for each row execute function slow_commit()`)
      try {
        return await work()
      } finally {
        await database.pool.query('drop trigger slow_commit on muted_words; drop function slow_commit()')
      }
    }

    const somebodyCommits = async () => {
      const { rowCount } = await database.pool.query(
        `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      )
      return rowCount === 1
    }

    const READINGS = {
      'by a consumer': async (user: UserId) => {
        const [state] = await readPreferences(db, [user])
        return { words: state?.words ?? [], version: state?.version ?? 0 }
      },
      'by who chooses what is sensitive': async (user: UserId) => {
        const updated = await updateProfile(db, user, { hide_sensitive: false })
        const preferences = updated.outcome === 'updated' ? updated.preferences : null
        return { words: preferences?.words ?? [], version: preferences?.version ?? 0 }
      },
      'by a build': async (user: UserId) => {
        const pulled = await pullTimeline(db, user, { before: MAX_ID, nowMs: Date.now(), limit: 10 })
        return { words: pulled.muted_words, version: pulled.version }
      },
    }

    it.each(Object.entries(READINGS))(
      'is not read under a newer version without it, %s',
      async (_who, read) => {
        const user = await people.addUser()
        await warm(user)
        const [put, state] = await slowly(async () => {
          const muting = mute(user, 'cat')
          expect(await until(somebodyCommits, { withinMs: 10_000 })).toBe(true)
          const reading = await read(user)
          return [await muting, reading] as const
        })
        expect(state.version).toBeGreaterThan(versionOf(put))
        expect(state.words).toEqual([{ phrase: 'cat', expiresAtMs: null }])
      },
    )
  })

  it('comes with a build, and with what is read below what the timeline keeps', async () => {
    const user = await people.addUser()
    const nowMs = Date.now()
    const page = { before: MAX_ID, top: MAX_ID, nowMs, limit: 10, offset: 0 }
    expect((await pullTimeline(db, user, page)).muted_words).toEqual([])
    await addTweet(database.pool, user)
    await addTweet(database.pool, user)
    expect((await readHomeBelow(db, user, page)).mutedWords).toEqual([])
    const { state } = await muted(user, 'cat', nowMs + HOUR_MS)
    await muted(user, 'gone')
    await expire(user, 'gone')
    expect((await pullTimeline(db, user, page)).muted_words).toEqual(state.words)
    expect(await readHomeBelow(db, user, page)).toMatchObject({
      mutedWords: state.words,
      rows: { length: 2 },
    })
  })
})
