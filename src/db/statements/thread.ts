import { type SQL, sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { answeredFrom, type ListPage } from './places.ts'
import { tweetRecord, viewerFlags } from './tweet-columns.ts'
import type { ShownTweet } from './tweets.ts'
import { notHiddenAsSensitive, notMutedBy, tweetIsVisibleTo, viewerId } from './visibility.ts'

/** Of a longer line of ancestors, those nearest to the tweet are shown. */
export const THREAD_ANCESTORS_MAX = 50
/** How many replies to a reply are shown with it. */
export const NESTED_REPLIES = 3

/** A reply with the first replies to it: one more of these than are shown, where there are more. */
export interface ThreadReply extends ShownTweet {
  replies: ThreadLeaf[]
}

/** A reply to a reply. */
export interface ThreadLeaf extends ShownTweet {
  has_replies: boolean
}

export interface ThreadRecord {
  shown: ShownTweet
  /** The root, or the farthest that is shown, first; `shown` is null where it may not be seen (any more). */
  ancestors: { id: number; shown: ShownTweet | null }[]
  replies: ThreadReply[]
}

/**
 * A tweet among what it answers and what answers it; null where the viewer may not see it. The replies, oldest first,
 * are a page; those of the muted, across a block, hidden as sensitive or otherwise out of the viewer's sight are left out with
 * what hangs on them. One statement: ancestors are found one by one by their primary key, replies by `idx_tweets_reply_to_id`.
 */
export async function readThread(
  db: Db,
  tweet: TweetId,
  viewer: UserId | null,
  page: ListPage<number>,
): Promise<ThreadRecord | null> {
  const who = viewerId(viewer)
  const from = answeredFrom(tweet)
  const first = { after: from, offset: 0, limit: 1 }
  const leaves = repliesTo(who, { after: from, offset: 0, limit: NESTED_REPLIES + 1 }, [
    sql`'has_replies', ${ofThis(sql`exists (select from ${answersTo(who, first)})`)}`,
  ])
  const [thread] = await query<ThreadRecord>(
    db,
    sql`
    with recursive target as (
      select t.id, t.reply_to_id, ${shownRecord(who)} as shown
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet} and ${tweetIsVisibleTo(who)}
    ), line as (
      select reply_to_id as id, 1 as distance from target where reply_to_id is not null
      union all
      select above.id, line.distance + 1
      from line
      cross join lateral (select (select t.reply_to_id from tweet_by_id(line.id) t) as id) above
      where above.id is not null and line.distance < ${THREAD_ANCESTORS_MAX}
    )
    select target.shown,
           coalesce((
             select json_agg(json_build_object('id', line.id, 'shown', seen.shown) order by line.distance desc)
             from line
             left join lateral (
               select ${shownRecord(who)} as shown
               from tweet_by_id(line.id) t
               join users u on u.id = t.user_id
               where ${tweetIsVisibleTo(who)}) seen on true), '[]') as ancestors,
           (select ${repliesTo(who, { ...page, after: page.after ?? from }, [sql`'replies', ${ofThis(leaves)}`])}
            from (select target.id) parent) as replies
    from target`,
  )
  return thread ?? null
}

const shownPairs = (who: number, quotes?: SQL) =>
  sql`'tweet', ${tweetRecord(who, quotes)}, 'flags', ${viewerFlags(who)}`
const shownRecord = (who: number) => sql`json_build_object(${shownPairs(who)})`

/** As `ListPage`, but that it always begins somewhere: by ids given outright the planner leaves out partitions. */
interface AnswersPage {
  after: number
  offset: number
  limit: number
}

/** An expression over the replies to `parent`, of the tweet `t`. */
const ofThis = (expression: SQL) => sql`(select ${expression} from (select t.id) parent)`

/** The page of replies to `parent.id` as a JSON array; `more` are further pairs of each reply `t`. */
function repliesTo(who: number, page: AnswersPage, more: SQL[]): SQL {
  const pairs = sql.join([shownPairs(who, notHiddenAsSensitive(who)), ...more], sql`, `)
  return sql`(
      select coalesce(json_agg(answer.reply order by answer.id), '[]')
      from (select t.id, json_build_object(${pairs}) as reply from ${answersTo(who, page)}) answer)`
}

/** The rest of a select of the tweets `t` that answer `parent.id`, as far as the viewer is shown them. */
function answersTo(who: number, { after, offset, limit }: AnswersPage): SQL {
  return sql`tweets t
        join users u on u.id = t.user_id
        where t.reply_to_id = parent.id and t.id > ${after}
          and ${tweetIsVisibleTo(who)} and ${notMutedBy(who, sql`t.user_id`)} and ${notHiddenAsSensitive(who)}
        order by t.id
        limit ${limit} offset ${offset}`
}
