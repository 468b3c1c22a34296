import { type SQL, sql } from 'drizzle-orm'
import { array, type Db, query } from '../client.ts'
import { isPresent } from './visibility.ts'

/** A tweet that anybody may read, as search knows it. */
export interface SearchableTweet {
  id: number
  revision: number
  /** Null where not everybody may read it (any more). */
  shown: {
    author_id: number
    username: string
    content: string
    hashtags: string[]
    mentions: string[]
    reply_to: string | null
    has_media: boolean
    is_sensitive: boolean
    engagement: number
  } | null
}

export interface SearchablePerson {
  id: number
  revision: number
  /** Null for one who is deactivated or suspended. */
  shown: {
    username: string
    display_name: string
    bio: string
    verified: boolean
    follower_count: number
  } | null
}

/** A step through many: the tweets of an author below an id, newest first, or all tweets or people above one. */
export type SearchableStep =
  | { outboxId: number; of: 'author'; userId: number; beforeId: number | null }
  | { outboxId: number; of: 'tweets' | 'people'; afterId: number }

export interface Wanted {
  /** The outbox rows that ask for it. */
  outboxIds: readonly number[]
  tweets: readonly number[]
  people: readonly number[]
  steps: readonly SearchableStep[]
  /** Tweets or people in one step. */
  stepSize: number
}

export interface Searchable {
  tweets: SearchableTweet[]
  people: SearchablePerson[]
  /** Where each step went to: the last id of a full one; null where nothing is left. */
  steps: { outbox_id: number; last_id: number | null }[]
  /** How long ago the oldest of the outbox rows was committed; null when none is there any more. */
  lag_ms: number | null
}

/**
 * What holds of all that a batch names, in one statement. Revisions order what is said of a tweet: its own and its
 * author's grow with whatever makes it another, or makes it seen or not. What is asked for and not there is not among them.
 * `tweets_pkey`, `idx_tweets_user_created` and `users_pkey` serve it; tweets are looked up in their own partitions.
 */
export async function readSearchable(
  db: Db,
  { outboxIds, tweets, people, steps, stepSize }: Wanted,
): Promise<Searchable> {
  const given = steps.map((step) => ({
    outbox_id: step.outboxId,
    of: step.of,
    user_id: step.of === 'author' ? step.userId : null,
    from_id: step.of === 'author' ? step.beforeId : step.afterId,
  }))
  const [row] = await query<{ searchable: Searchable }>(
    db,
    sql`
    with ${
      steps.length === 0
        ? sql.empty()
        : sql`stepped as materialized (${stepped(JSON.stringify(given), stepSize)}
    ), `
    }tweet_ids as (
      select unnest(${array(tweets, 'bigint')}) as id
      ${steps.length === 0 ? sql.empty() : sql`union select id from stepped where of <> 'people'`}
    ), person_ids as (
      select unnest(${array(people, 'bigint')}) as id
      ${steps.length === 0 ? sql.empty() : sql`union select id from stepped where of = 'people'`}
    )
    select json_build_object(
      'tweets', coalesce((
        select json_agg(json_build_object('id', t.id, 'revision', t.revision + u.revision, 'shown', ${shownTweet}))
        from tweet_ids
        cross join lateral tweet_by_id(tweet_ids.id) t
        join users u on u.id = t.user_id), '[]'),
      'people', coalesce((
        select json_agg(json_build_object('id', u.id, 'revision', u.revision, 'shown', ${shownPerson}))
        from person_ids
        join users u using (id)), '[]'),
      'steps', ${
        steps.length === 0
          ? sql`'[]'::json`
          : sql`coalesce((
        select json_agg(json_build_object('outbox_id', outbox_id, 'last_id', last_id))
        from (
          select outbox_id,
                 case when count(*) = ${stepSize} then case of when 'author' then min(id) else max(id) end end as last_id
          from stepped
          group by outbox_id, of) ended), '[]')`
      },
      'lag_ms', (
        select round(extract(epoch from now() - min(created_at)) * 1000)
        from outbox where id = any(${array(outboxIds, 'bigint')}))) as searchable`,
  )
  return row?.searchable ?? { tweets: [], people: [], steps: [], lag_ms: null }
}

/** The ids of each step's tweets or people. */
function stepped(given: string, stepSize: number): SQL {
  return sql`
      select step.outbox_id, step.of, found.id
      from jsonb_to_recordset(${given}::jsonb) as step(outbox_id bigint, of text, user_id bigint, from_id bigint)
      cross join lateral (
        (select t.id
         from tweets t
         where step.of = 'author' and t.user_id = step.user_id and t.is_deleted = false
           and t.id < coalesce(step.from_id, ${Number.MAX_SAFE_INTEGER}::bigint)
         order by t.id desc
         limit ${stepSize})
        union all
        (select t.id from tweets t where step.of = 'tweets' and t.id > step.from_id order by t.id limit ${stepSize})
        union all
        (select u.id from users u where step.of = 'people' and u.id > step.from_id order by u.id limit ${stepSize})) found`
}

const shownTweet = sql`case when not t.is_deleted and not u.is_private and ${isPresent} then json_build_object(
          'author_id', u.id,
          'username', u.username,
          'content', t.content,
          'hashtags', coalesce(
            (select json_agg(h ->> 'tag') from jsonb_array_elements(t.entities -> 'hashtags') h), '[]'),
          'mentions', coalesce(
            (select json_agg(m ->> 'username') from jsonb_array_elements(t.entities -> 'mentions') m), '[]'),
          'reply_to', (select r.username from users r where r.id = t.reply_to_user_id),
          'has_media', jsonb_array_length(t.media_urls) > 0,
          'is_sensitive', t.is_sensitive,
          'engagement', t.like_count + t.retweet_count + t.reply_count + t.quote_count) end`

const shownPerson = sql`case when ${isPresent} then json_build_object(
          'username', u.username,
          'display_name', u.display_name,
          'bio', u.bio,
          'verified', u.verified,
          'follower_count', u.follower_count) end`
