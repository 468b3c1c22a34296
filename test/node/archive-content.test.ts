import { Buffer } from 'node:buffer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { connect } from '../../src/db/client.ts'
import { ARCHIVE_PARTS } from '../../src/db/statements/archive-parts.ts'
import type { UserId } from '../../src/domain/ids.ts'
import {
  type ArchiveLimits,
  ArchiveTooLargeError,
  archiveContent,
} from '../../src/services/archive-content.ts'
import type { Deps } from '../../src/services/deps.ts'
import { addArchiveScene, MINE } from './harness/archive-scene.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn } from './harness/deps.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'
import { readZip } from './harness/zip.ts'

let database: TestDatabase
let people: Community
let deps: Deps
let owner: UserId
let other: UserId
let blocking: UserId
let gone: UserId
let archive: Map<string, string>

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  deps = depsOn(connect({ url: database.databaseUrl, endpoint: database.endpointUrl })).deps
  ;({ owner, other, blocking, gone } = await addArchiveScene(people))
  archive = readZip(await contentOf(owner))
})

afterAll(() => database.stop())

const AMPLE: ArchiveLimits = { pages: 1_000, bytes: 1e9, untilMs: Number.POSITIVE_INFINITY }

async function contentOf(user: UserId, limits = AMPLE, with_ = deps): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of archiveContent(with_, user, limits)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const rowsIn = (name: string, of = archive) =>
  z.array(z.record(z.string(), z.unknown())).parse(JSON.parse(of.get(name) ?? ''))

/** What the archive says of tables, by their names. */
const IN_ARCHIVE: Record<string, string[]> = {
  users: ['account.json'],
  notification_inboxes: ['account.json'],
  home_markers: ['account.json'],
  tweets: ['tweets.json'],
  polls: ['tweets.json'],
  poll_options: ['tweets.json'],
  tweet_versions: ['tweets.json'],
  retweets: ['retweets.json'],
  likes: ['likes.json'],
  bookmarks: ['bookmarks.json'],
  poll_votes: ['poll_votes.json'],
  follows: ['following.json', 'followers.json'],
  follow_requests: ['follow_requests_sent.json', 'follow_requests_received.json'],
  blocks: ['blocks.json'],
  mutes: ['mutes.json'],
  dismissed_recommendations: ['dismissed_recommendations.json'],
  lists: ['lists.json'],
  list_members: ['lists.json'],
  conversations: ['conversations.json'],
  direct_messages: ['messages.json'],
  notifications: ['notifications.json'],
  muted_conversations: ['muted_conversations.json'],
  muted_words: ['muted_words.json'],
  sessions: ['sessions.json'],
  push_subscriptions: ['push_subscriptions.json'],
}

/** Tables that an archive says nothing of, and why. */
const NOT_IN_ARCHIVE: Record<string, string> = {
  exports: 'of an export nothing is left a day later but the archive itself',
  notification_groups: 'made of notifications, which are there',
  hashtags: 'everybody’s; what one used is in the entities of one’s tweets',
  tweet_hashtags: 'made of the texts of tweets',
  tweet_mentions: 'made of the texts of tweets; those of others are theirs',
  pulled_authors: 'how tweets are delivered, by the number of followers',
  timelines: 'whether a timeline is warm',
  quota_windows: 'times of acts that are there themselves, kept for a day',
  idempotency_keys: 'made up by clients to repeat requests, kept for a day',
  counter_deltas: 'what is not yet counted into counters',
  outbox: 'what is to be told of acts that are there themselves',
  dead_letters: 'the same, where that failed',
  cron_state: 'nobody’s',
  trend_buckets: 'nobody’s: sums of what many said',
  trend_contributions: 'made of the texts of tweets, kept for a day',
  trend_marks: 'whose tweets are to be counted, for seconds',
  trending_tweets: 'tweets that may trend, for a day',
}

/** Columns of `users` that the account says nothing of, and why. */
const NOT_IN_ACCOUNT: Record<string, string> = {
  password_hash: 'a secret',
  revision: 'by which caches know that they are outdated',
  graph_version: 'by which timelines order what they are told',
}

describe('an archive', () => {
  it('says something of every table there is, or there is a reason why not', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select relname as name from pg_class
       where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`,
    )
    const listed = [...Object.keys(IN_ARCHIVE), ...Object.keys(NOT_IN_ARCHIVE)]
    expect(listed.toSorted()).toEqual(rows.map(({ name }) => name).toSorted())
  })

  it('has the files that are listed and no other, and each has what the owner has', () => {
    const files = [...new Set(Object.values(IN_ARCHIVE).flat())]
    expect([...archive.keys()].toSorted()).toEqual([...files, 'README.txt'].toSorted())
    expect(Object.keys(ARCHIVE_PARTS).toSorted()).toEqual(
      files.filter((name) => name !== 'account.json').toSorted(),
    )
    for (const name of Object.keys(ARCHIVE_PARTS)) {
      expect([name, rowsIn(name).length]).not.toEqual([name, 0])
      expect(archive.get('README.txt')).toContain(name)
    }
  })

  it('has the account with every column that there is a reason for', async () => {
    const account = JSON.parse(archive.get('account.json') ?? '')
    expect(account).toMatchObject({
      id: owner,
      email: 'owner@example.com',
      birth_date: '1990-02-28',
      bio: 'A "quoted" bio\nof two lines, \\ and 🐦',
      notification_preferences: { like: 'nobody' },
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    const { rows } = await database.pool.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'users'::regclass and attnum > 0 and not attisdropped`,
    )
    const missing = rows.map(({ name }) => name).filter((name) => !(name in account))
    expect(missing.toSorted()).toEqual(Object.keys(NOT_IN_ACCOUNT).toSorted())
  })

  it('has tweets as they were written, with polls and earlier versions, and none that is deleted', () => {
    expect(rowsIn('tweets.json')).toMatchObject([
      {
        content: MINE,
        media_urls: [],
        poll: { options: [{ position: 0 }, { position: 1 }] },
        earlier_versions: [
          { content: 'Before', created_at: '1970-01-01T00:00:00.000Z' },
          { content: 'Between' },
        ],
        edited_at: null,
      },
    ])
  })

  it('names people, but for those who are not there any more', () => {
    const named = { id: other, username: `user_${other - 1_000_000}` }
    const nameless = { id: gone, username: null }
    for (const name of ['following', 'followers', 'blocks', 'mutes', 'dismissed_recommendations']) {
      expect(rowsIn(`${name}.json`).map(({ user }) => user)).toEqual([named, nameless])
    }
    expect(rowsIn('lists.json')).toMatchObject([{ members: [{ user: named }, { user: nameless }] }])
    expect(rowsIn('notifications.json').map(({ actor }) => actor)).toEqual([nameless, named])
  })

  it('has of others’ relations nothing but that they are there', () => {
    for (const follower of rowsIn('followers.json'))
      expect(Object.keys(follower)).toEqual(['user', 'created_at'])
    expect(archive.get('blocks.json')).not.toContain(String(blocking))
    expect(archive.get('mutes.json')).not.toContain(String(blocking))
  })

  it('has messages as the owner has them', () => {
    expect(rowsIn('messages.json').map(({ content }) => content)).toEqual([
      'to who blocks',
      'to a friend',
      'from a friend',
    ])
    expect(rowsIn('messages.json')[1]).toMatchObject({ with: { username: 'a_friend' }, is_read: true })
  })

  it('says nothing that is somebody else’s, and no secret', () => {
    for (const [name, text] of archive) expect([name, text.includes('SECRET')]).toEqual([name, false])
  })

  it('has one entry a line', () => {
    for (const name of Object.keys(ARCHIVE_PARTS)) {
      const lines = (archive.get(name) ?? '').trimEnd().split('\n')
      expect([name, lines.length]).toEqual([name, rowsIn(name).length + 2])
      for (const line of lines.slice(1, -1)) JSON.parse(line.replace(/,$/, ''))
    }
  })

  it('of somebody who has nothing is valid, and empty', async () => {
    const empty = readZip(await contentOf(await people.addUser()))
    for (const name of Object.keys(ARCHIVE_PARTS)) expect(rowsIn(name, empty)).toEqual([])
  })
})

describe('a large archive', () => {
  const COUNT = 7_000
  let hoarder: UserId

  beforeAll(async () => {
    hoarder = await people.addUser()
    await database.pool.query(
      `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
       select $1::bigint + n, $2, n || ' ' || repeat('🐦', 200), '{}', $1::bigint + n, gen_random_uuid()
       from generate_series(1, $3::int) n`,
      [await addTweet(database.pool, hoarder), hoarder, COUNT],
    )
    await database.pool.query(
      `insert into likes (user_id, tweet_id) select $1, n from generate_series(1, $2::int) n`,
      [hoarder, 2 * COUNT],
    )
  })

  it('has every row once, in order, in chunks of a bounded size', async () => {
    let largest = 0
    const chunks: Uint8Array[] = []
    for await (const chunk of archiveContent(deps, hoarder, AMPLE)) {
      largest = Math.max(largest, chunk.byteLength)
      chunks.push(chunk)
    }
    const files = readZip(Buffer.concat(chunks))
    const written = rowsIn('tweets.json', files).map(({ content }) => Number.parseInt(String(content), 10))
    expect(written.slice(1)).toEqual(Array.from({ length: COUNT }, (_, n) => n + 1))
    const liked = rowsIn('likes.json', files).map(({ tweet_id }) => tweet_id)
    expect(liked).toEqual(Array.from({ length: 2 * COUNT }, (_, n) => n + 1))
    expect(chunks.length).toBeGreaterThan(10)
    expect(largest).toBeLessThan(1_100_000)
  })

  it.each<[string, Partial<ArchiveLimits>]>([
    ['pages', { pages: 25 }],
    ['bytes', { bytes: 1_000_000 }],
    ['time', { untilMs: 0 }],
  ])('is given up where it would take too much: %s', async (_, limits) => {
    await expect(contentOf(hoarder, { ...AMPLE, ...limits })).rejects.toThrow(ArchiveTooLargeError)
  })

  it('fails as its pages do', async () => {
    let pages = 0
    const now = () => {
      pages += 1
      if (pages === 5) throw new Error('a page that fails')
      return Date.now()
    }
    await expect(contentOf(hoarder, AMPLE, { ...deps, now })).rejects.toThrow('a page that fails')
  })
})
