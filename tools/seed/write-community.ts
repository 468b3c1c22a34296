import type pg from 'pg'
import { ensureTweetPartitionsSql, partitionsUntil } from '../../src/db/partitions.ts'
import { OWE_REINDEX } from '../stack/reindex.ts'
import { insertAll } from './bulk-insert.ts'
import { DAY_MS } from './calendar.ts'
import type { Community } from './community.ts'
import { composeText } from './compose.ts'
import { textReader } from './entities.ts'
import type { Progress } from './progress.ts'
import type { Random } from './random.ts'
import {
  FOLLOW_COLUMNS,
  LIKE_COLUMNS,
  MENTION_COLUMNS,
  type Mentioning,
  RETWEET_COLUMNS,
  type Tagging,
  TWEET_COLUMNS,
  taggingColumns,
  userColumns,
  type WrittenTweet,
} from './rows.ts'

const TABLES = 'users, follows, tweets, likes, retweets, tweet_mentions, hashtags, tweet_hashtags'

/** How many units of progress `writeCommunity` will report. */
export function rowsOf({ people, follows, tweets, likes, retweets }: Community): number {
  return people.length + follows.length + tweets.length + likes.length + retweets.length
}

/** Whether the community with this person is in the database. */
export async function isWritten(client: pg.ClientBase, email: string): Promise<boolean> {
  const { rowCount } = await client.query('select from users where lower(email) = lower($1)', [email])
  return rowCount !== 0
}

/**
 * Writes a community in one transaction, so all of it is there or nothing; false when it was there before. The
 * counters come with the rows they count, so nothing goes through the ledger or the timelines, and the outbox owes one
 * thing: that search finds it.
 */
export async function writeCommunity(
  client: pg.ClientBase,
  community: Community,
  passwordHash: string,
  progress: Progress,
): Promise<boolean> {
  const { tweetsFromMs, nowMs } = community.calendar
  const partitions = ensureTweetPartitionsSql(tweetsFromMs - DAY_MS, partitionsUntil(nowMs))
  // On its own, because it locks tables that everybody writes to.
  await inTurn(client, () => client.query(partitions))
  const isNew = await inTurn(client, async () => {
    const first = community.people[0]
    if (first === undefined || (await isWritten(client, first.email))) return false
    await writeRows(client, community, passwordHash, progress)
    return true
  })
  if (isNew) await client.query(`analyze ${TABLES}`)
  return isNew
}

/** A transaction that those who seed at the same time do one after the other. */
async function inTurn<Result>(client: pg.ClientBase, work: () => Promise<Result>): Promise<Result> {
  await client.query('begin')
  try {
    // The limits that the database sets are meant for requests.
    await client.query('set local statement_timeout = 0')
    await client.query("select pg_advisory_xact_lock(hashtext('warbler.seed'))")
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

async function writeRows(
  client: pg.ClientBase,
  community: Community,
  passwordHash: string,
  progress: Progress,
) {
  const { people, follows, likes, retweets } = community
  const taggings: Tagging[] = []
  const mentionings: Mentioning[] = []
  const report = (label: string) => (count: number) => progress.advance(count, label)
  const unreported = () => {}
  await insertAll(client, 'users', userColumns(passwordHash), people, report('people'))
  await insertAll(client, 'follows', FOLLOW_COLUMNS, follows, report('follows'))
  const tweets = written(community, taggings, mentionings)
  await insertAll(client, 'tweets', TWEET_COLUMNS, tweets, report('tweets'))
  await insertAll(client, 'tweet_mentions', MENTION_COLUMNS, mentionings, unreported)
  await insertAll(client, 'retweets', RETWEET_COLUMNS, retweets, report('retweets'))
  await insertAll(client, 'likes', LIKE_COLUMNS, likes, report('likes'))
  // Last: whoever tweets with a tag that is new here waits from now to the end of the transaction.
  const hashtagIds = await countTags(client, taggings, community)
  await insertAll(client, 'tweet_hashtags', taggingColumns(hashtagIds), taggings, unreported)
  await client.query(OWE_REINDEX)
}

/** Composes each tweet when its turn comes, and notes its hashtags and mentions. */
function* written(
  community: Community,
  taggings: Tagging[],
  mentionings: Mentioning[],
): Generator<WrittenTweet> {
  const { library, textRandom, nonceRandom } = community
  const read = textReader(community.people)
  for (const tweet of community.tweets) {
    const text = read(composeText(tweet, library, textRandom))
    for (const tag of text.tags) taggings.push({ tweet, tag })
    for (const person of text.mentioned) mentionings.push({ tweet, person })
    yield { ...text, tweet, nonce: uuidOf(nonceRandom) }
  }
}

/** Adds to the tags' counters, in the order in which everybody locks tags; answers their ids. */
async function countTags(client: pg.ClientBase, taggings: readonly Tagging[], { calendar }: Community) {
  const counts = new Map<string, number>()
  for (const { tag } of taggings) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  const { rows } = await client.query<{ tag: string; id: string }>(
    `insert into hashtags (tag, tweet_count, created_at)
     select tag, tweet_count, $3
     from unnest($1::text[], $2::integer[]) as counted(tag, tweet_count)
     order by tag
     on conflict (tag) do update
     set tweet_count = hashtags.tweet_count + excluded.tweet_count
     returning tag, id`,
    [[...counts.keys()], [...counts.values()], new Date(calendar.tweetsFromMs)],
  )
  return new Map(rows.map(({ tag, id }) => [tag, id]))
}

/** A version 4 UUID (RFC 9562, section 5.4) from our own stream, for rows that are the same each time. */
function uuidOf(random: Random): string {
  const hex = Array.from({ length: 32 }, () => random.below(16).toString(16))
  hex[12] = '4'
  hex[16] = (8 + random.below(4)).toString(16)
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
