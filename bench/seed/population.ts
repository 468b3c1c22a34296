import type pg from 'pg'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import { idFloor, SHARD_COUNT, type UserId } from '../../src/domain/ids.ts'
import { extractEntities } from '../../src/domain/tweet-text.ts'
import type { Account } from '../harness/readers.ts'

/** People's ids follow one another from here on, so that SQL can count them out. */
const FIRST_ID = idFloor(Date.UTC(2024, 0, 15))
const TWEETS_PER_STATEMENT = 50_000
const LOW_BITS_PER_SHARD = 4096 / SHARD_COUNT

/** What people write here: of usual lengths, some with hashtags and links, some beyond Latin. */
const TEXTS = [
  'The reed beds are full of song this morning. Counted eleven before breakfast. #birding',
  'Shipping on a Friday again, what could go wrong',
  'Three things I learned this week: read the plan, index the join, and never trust an average without its tail. https://example.com/notes/plans',
  'good night everyone 🌙',
  'We moved the whole thing to one region and nobody noticed. That was the plan, and still it feels like a magic trick. #engineering #edge',
  'Kaffee, Regen, ein Buch. Mehr braucht ein Sonntag nicht.',
  'Does anyone have a recipe for sourdough that does not need a spreadsheet?',
  '今日はとても良い天気ですね。散歩に行きましょう。',
  'Reading about the history of queues. It is queues all the way down, and at the bottom somebody waits. https://example.com/queues',
  'New paper: what happens to a cache when everybody looks at the same thing at once. Thread follows tomorrow. #caching',
  'ok',
  'The bridge is closed until Thursday; take the ferry, it is quicker anyway, and bring a coat because the wind on the upper deck is something else. Tell them I sent you, they will pretend not to know me, as they should after last time. #commute',
].map((content) => ({ content, entities: JSON.stringify(extractEntities(content)) }))

/** The person of this number, counted from 0. */
export function personOf(index: number): Account {
  return { id: (FIRST_ID + index) as UserId, username: `bench_${index}` }
}

/** Adds the people from this number on. */
export async function addPeople(pool: pg.Pool, from: number, count: number): Promise<void> {
  await pool.query(
    `insert into users (id, username, email, password_hash, display_name)
     select $1::bigint + n, 'bench_' || n, 'bench_' || n || '@example.com', '', 'Person ' || n
     from generate_series($2::int, $3::int) n`,
    [FIRST_ID, from, from + count - 1],
  )
}

/** Each of the followers follows each of the followees, as the counters say too. */
export async function addFollows(pool: pg.Pool, followers: Range, followees: Range): Promise<void> {
  await pool.query(
    `insert into follows (follower_id, following_id)
     select $1::bigint + follower, $1::bigint + followee
     from generate_series($2::int, $3::int) follower, generate_series($4::int, $5::int) followee
     where follower <> followee
     on conflict do nothing`,
    [FIRST_ID, followers.from, lastOf(followers), followees.from, lastOf(followees)],
  )
}

/** People of these numbers. */
export interface Range {
  from: number
  count: number
}

function lastOf({ from, count }: Range): number {
  return from + count - 1
}

export interface TweetRequest {
  authors: Range
  count: number
  /** They are spread evenly over this time, and over the authors in turn. */
  fromMs: number
  toMs: number
  /** 0 to 7, another for each request about the same time: keeps their ids apart. */
  series: number
}

/** Adds tweets in bulk, not through the API: nobody is told of them. */
export async function addTweets(pool: pg.Pool, request: TweetRequest): Promise<void> {
  const { authors, count, fromMs, toMs, series } = request
  await pool.query(ensureTweetPartitionsSql(fromMs, toMs))
  const stepMs = Math.max(1, Math.floor((toMs - fromMs) / count / 8)) * 8
  const firstMs = Math.floor(fromMs / 8) * 8 + series
  for (let from = 0; from < count; from += TWEETS_PER_STATEMENT) {
    const last = Math.min(from + TWEETS_PER_STATEMENT, count) - 1
    await pool.query(INSERT_TWEETS, [
      ...[from, last, firstMs, stepMs, FIRST_ID, authors.from, authors.count],
      ...[TEXTS.map(({ content }) => content), TEXTS.map(({ entities }) => entities)],
      idFloor(firstMs),
    ])
  }
}

/** After bulk work: plans know how much there is, and pages need not be marked by readers. */
export async function settleTables(pool: pg.Pool): Promise<void> {
  await pool.query(`
    update users u set
      follower_count = (select count(*) from follows f where f.following_id = u.id),
      following_count = (select count(*) from follows f where f.follower_id = u.id)`)
  await pool.query('vacuum analyze users, follows, tweets')
  await pool.query('checkpoint')
}

const INSERT_TWEETS = `
  insert into tweets (id, user_id, content, entities, conversation_id, nonce, like_count, retweet_count, created_at, updated_at)
  select id, author, content, entities, id, gen_random_uuid(), n % 97, n % 13, at, at
  from (
    select n, author, at,
      $10::bigint + n * $4::bigint * 4096 + author % 4096 / ${LOW_BITS_PER_SHARD} * ${LOW_BITS_PER_SHARD} as id,
      ($8::text[])[1 + n % ${TEXTS.length}] as content,
      ($9::text[])[1 + n % ${TEXTS.length}]::jsonb as entities
    from (
      select n, to_timestamp(($3::bigint + n * $4::bigint) / 1000.0) as at, $5::bigint + $6::int + n % $7::int as author
      from generate_series($1::int, $2::int) n) numbered) made`
