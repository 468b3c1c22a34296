import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { idFloor } from '../../src/domain/ids.ts'
import { type Catalogue, differencesOf, readCatalogue } from './harness/catalogue.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

interface Difference {
  adr: string
  because: string
  differences: string[]
  /** Indexes of ours that do what was dropped. */
  coveredBy?: string[]
}

/** Every way in which our tables are not those of the specification. What is ours alone is no difference. */
const DIFFERENCES: Difference[] = [
  {
    adr: '0001',
    because: 'ids of users, tweets and retweets sort by time, know their shard and are made in the Worker',
    differences: [
      'users.id: bigint not null serial -> bigint not null',
      'tweets.id: bigint not null serial -> bigint not null',
      'retweets.id: bigint not null serial -> bigint not null',
    ],
  },
  {
    adr: '0001',
    because: 'other rows are numbered by identity columns, the standard form of a serial',
    differences: ['hashtags', 'notifications', 'direct_messages'].map(
      (table) => `${table}.id: bigint not null serial -> bigint not null identity`,
    ),
  },
  {
    adr: '0003',
    because: 'a retweet is a row of retweets, and a retweet with a comment is a quote',
    differences: [
      'tweets.retweet_id: bigint -> none',
      'tweets foreign key (retweet_id): to tweets, on delete set null -> none',
      'index idx_tweets_retweet_id: on tweets (retweet_id) -> none',
      'retweets.comment: text -> none',
    ],
  },
  {
    adr: '0004',
    because: 'checking a foreign key locks the row it points at, and these may be popular',
    differences: [
      'likes foreign key (tweet_id): to tweets, on delete cascade -> none',
      'retweets foreign key (tweet_id): to tweets, on delete cascade -> none',
      'tweets foreign key (reply_to_id): to tweets, on delete set null -> none',
      'tweets foreign key (quote_tweet_id): to tweets, on delete set null -> none',
      'tweet_hashtags foreign key (tweet_id): to tweets, on delete cascade -> none',
      'tweet_hashtags foreign key (hashtag_id): to hashtags, on delete cascade -> none',
      'notifications foreign key (tweet_id): to tweets, on delete cascade -> none',
    ],
  },
  {
    adr: '0005',
    because: 'the unique index of the column serves it',
    differences: [
      'index idx_users_username: on users (username) -> none',
      'index idx_users_email: on users (email) -> none',
      'index idx_hashtags_tag: on hashtags (tag) -> none',
    ],
    coveredBy: ['users_username_unique', 'users_email_unique', 'hashtags_tag_unique'],
  },
  {
    adr: '0005',
    because: 'the id is the time',
    differences: [
      'index idx_tweets_created_at: on tweets (created_at DESC) -> none',
      'index idx_retweets_created_at: on retweets (created_at DESC) -> none',
    ],
    coveredBy: ['tweets_pkey', 'retweets_pkey'],
  },
  {
    adr: '0005',
    because: 'nobody reads these across all users, and the index of each list holds the time',
    differences: [
      'index idx_follows_created_at: on follows (created_at) -> none',
      'index idx_likes_created_at: on likes (created_at DESC) -> none',
    ],
    coveredBy: [
      'idx_follows_follower_id',
      'idx_follows_following_id',
      'idx_likes_tweet_id',
      'idx_likes_user_id',
    ],
  },
  {
    adr: '0005',
    because: 'an index on a boolean alone, of which nearly all rows have one value, is never worth a lookup',
    differences: [
      'index idx_users_is_active: on users (is_active) -> none',
      'index idx_tweets_is_deleted: on tweets (is_deleted) -> none',
    ],
  },
  {
    adr: '0005',
    because: 'another index begins with the column',
    differences: ['index idx_tweets_user_id: on tweets (user_id) -> none'],
    coveredBy: ['idx_tweets_user_created'],
  },
  {
    adr: '0005',
    because: 'unread notifications are counted where they are written, in notification_inboxes',
    differences: ['index idx_notifications_is_read: on notifications (is_read) -> none'],
  },
  {
    adr: '0005',
    because: 'what is unread is asked for by its receiver, and is little',
    differences: [
      'index idx_dm_receiver: on direct_messages (receiver_id, is_read) -> on direct_messages (receiver_id, sender_id, id) WHERE (is_read = false)',
    ],
  },
  {
    adr: '0005',
    because:
      'a keyset page needs the columns it is sorted by behind the one it is found by; plain order is read backward',
    differences: [
      'index idx_tweets_user_created: on tweets (user_id, created_at DESC) WHERE (is_deleted = false) -> on tweets (user_id, id) WHERE (is_deleted = false)',
      'index idx_tweets_reply_to_id: on tweets (reply_to_id) -> on tweets (reply_to_id, id) WHERE (reply_to_id IS NOT NULL)',
      'index idx_follows_follower_id: on follows (follower_id) -> on follows (follower_id, created_at, following_id)',
      'index idx_follows_following_id: on follows (following_id) -> on follows (following_id, created_at, follower_id)',
      'index idx_likes_tweet_id: on likes (tweet_id) -> on likes (tweet_id, created_at, user_id)',
      'index idx_likes_user_id: on likes (user_id) -> on likes (user_id, created_at, tweet_id)',
      'index idx_retweets_tweet_id: on retweets (tweet_id) -> on retweets (tweet_id, id)',
      'index idx_retweets_user_id: on retweets (user_id) -> on retweets (user_id, id)',
      'index idx_tweet_hashtags_hashtag_id: on tweet_hashtags (hashtag_id) -> on tweet_hashtags (hashtag_id, tweet_id)',
      'index idx_notifications_user_id: on notifications (user_id, created_at DESC) -> on notifications (user_id, type, id) WHERE (withdrawn_at IS NULL)',
      'index idx_dm_sender_receiver: on direct_messages (sender_id, receiver_id, created_at DESC) -> on direct_messages (sender_id, receiver_id, id)',
      'index idx_users_created_at: on users (created_at DESC) -> on users (created_at)',
      'index idx_hashtags_tweet_count: on hashtags (tweet_count DESC) -> on hashtags (tweet_count)',
    ],
  },
  {
    adr: '0006',
    because: 'names and e-mail addresses are unique without regard to case',
    differences: ['users unique (username): (username) -> none', 'users unique (email): (email) -> none'],
    coveredBy: ['users_username_unique', 'users_email_unique'],
  },
  {
    adr: '0006',
    because: 'a moment is the same everywhere, and every row has one',
    differences: [
      ...[
        'users',
        'tweets',
        'follows',
        'likes',
        'retweets',
        'hashtags',
        'notifications',
        'direct_messages',
      ].map((table) => `${table}.created_at`),
      'users.updated_at',
      'tweets.updated_at',
    ].map((column) => `${column}: timestamp default now() -> timestamptz not null default now()`),
  },
  {
    adr: '0006',
    because: 'a counter that is null counts nothing',
    differences: [
      ...['users.follower_count', 'users.following_count', 'users.tweet_count', 'hashtags.tweet_count'],
      ...['tweets.like_count', 'tweets.retweet_count', 'tweets.reply_count'],
    ]
      .map((column) => `${column}: integer default 0 -> integer not null default 0`)
      .concat('tweets.impression_count: bigint default 0 -> bigint not null default 0'),
  },
  {
    adr: '0006',
    because: 'a flag is true or false',
    differences: [
      ...['users.verified', 'tweets.is_deleted', 'notifications.is_read', 'direct_messages.is_read'].map(
        (column) => `${column}: boolean default false -> boolean not null default false`,
      ),
      'users.is_active: boolean default true -> boolean not null default true',
    ],
  },
  {
    adr: '0006',
    because: 'everybody has a name to show; no biography and no media are an empty text and an empty list',
    differences: [
      'users.display_name: character varying(100) -> character varying(100) not null',
      "users.bio: text -> text not null default ''::text",
      "tweets.media_urls: jsonb -> jsonb not null default '[]'::jsonb",
    ],
  },
]

const ROOT = join(import.meta.dirname, '..', '..')

let database: TestDatabase
let specified: Catalogue
let ours: Catalogue

beforeAll(async () => {
  database = await startTestDatabase()
  await createSpecifiedTables(database.pool)
  specified = await readCatalogue(database.pool, 'specification')
  ours = await readCatalogue(database.pool, 'public')
})

afterAll(() => database.stop())

/** The specification's own SQL, word for word, in a schema of its own. */
async function createSpecifiedTables(pool: pg.Pool): Promise<void> {
  const tables = await readFile(join(import.meta.dirname, 'harness', 'specification-tables.sql'), 'utf8')
  await pool.query(
    `create schema specification; set search_path to specification; ${tables}; reset search_path`,
  )
}

describe('the catalogue', () => {
  it('knows all that the specification names', () => {
    const tables = [...specified.keys()].filter((name) => name.endsWith(' primary key'))
    expect(tables).toHaveLength(9)
    expect(specified.size).toBeGreaterThan(110)
  })

  it("is the specification's but for the differences that are listed", () => {
    const listed = DIFFERENCES.flatMap(({ differences }) => differences)
    expect(listed.toSorted()).toEqual(differencesOf(specified, ours).toSorted())
  })

  it('would tell a column, a constraint and an index that are missing', () => {
    const without = new Map(ours)
    without.delete('tweets.content')
    without.delete('follows check no_self_follow')
    without.delete('index idx_users_created_at')
    expect(differencesOf(specified, without)).toEqual(
      expect.arrayContaining([
        'tweets.content: text not null -> none',
        'follows check no_self_follow: CHECK ((follower_id <> following_id)) -> none',
        'index idx_users_created_at: on users (created_at DESC) -> none',
      ]),
    )
  })

  it('has a decision on record for each difference', async () => {
    const files = await readdir(join(ROOT, 'docs', 'adr'))
    const numbers = new Set(files.map((file) => file.slice(0, 4)))
    expect(DIFFERENCES.filter(({ adr }) => !numbers.has(adr))).toEqual([])
  })

  it('has the indexes that cover those it does without', async () => {
    const { rows } = await database.pool.query<{ indexname: string }>(
      "select indexname from pg_indexes where schemaname = 'public'",
    )
    const names = rows.map(({ indexname }) => indexname)
    expect(names).toEqual(expect.arrayContaining(DIFFERENCES.flatMap(({ coveredBy = [] }) => coveredBy)))
  })

  it('keeps user names and e-mail addresses unique without regard to case', () => {
    expect(ours.get('index users_username_unique')).toBe('unique, on users (lower((username)::text))')
    expect(ours.get('index users_email_unique')).toBe('unique, on users (lower((email)::text))')
  })
})

describe('the partitions of tweets', () => {
  it('are ranges of ids, each a month of time, one behind the other', async () => {
    const { rows } = await database.pool.query<{ name: string; key: string; bound: string }>(
      `select c.relname as name, pg_get_partkeydef(i.inhparent) as key, pg_get_expr(c.relpartbound, c.oid) as bound
       from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = 'tweets'::regclass order by c.relname`,
    )
    expect(rows.length).toBeGreaterThanOrEqual(4)
    for (const { name, key, bound } of rows) {
      const [, year, month] = name.match(/^tweets_(\d{4})_(\d{2})$/)?.map(Number) ?? []
      const [from, to] = [0, 1].map((after) => idFloor(Date.UTC(year ?? 0, (month ?? 0) - 1 + after, 1)))
      expect({ key, bound }).toEqual({ key: 'RANGE (id)', bound: `FOR VALUES FROM ('${from}') TO ('${to}')` })
    }
  })

  it('have the indexes and constraints of the whole', async () => {
    const { rows } = await database.pool.query<{ partition: string; inherited: number; indexes: number }>(
      `select c.relname as partition,
              (select count(*)::int from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'f', 'c')) as inherited,
              (select count(*)::int from pg_index x where x.indrelid = c.oid and x.indisvalid) as indexes
       from pg_class c
       where c.oid = 'tweets'::regclass or c.oid in (select inhrelid from pg_inherits where inhparent = 'tweets'::regclass)`,
    )
    const [whole, ...partitions] = rows.toSorted((a, b) => a.partition.length - b.partition.length)
    expect(whole).toMatchObject({ partition: 'tweets', inherited: 3, indexes: 6 })
    for (const partition of partitions) expect(partition).toMatchObject({ inherited: 3, indexes: 6 })
  })
})
