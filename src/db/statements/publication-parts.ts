import { type SQL, sql } from 'drizzle-orm'
import { MAX_ID, type UserId } from '../../domain/ids.ts'
import { judgeNamed, namedBy } from './named-tweets.ts'
import { notificationRow } from './outbox.ts'
import type { Publication } from './publish-tweet.ts'
import { hashtagsNamed, peopleNamed } from './tweet-tags.ts'

/** Which parts a publication needs besides what every tweet needs. */
export interface Carried {
  /** An Idempotency-Key. */
  key: boolean
  /** Tweets that were there before. */
  named: boolean
  replies: boolean
  quotes: boolean
  tags: boolean
  mentions: boolean
  polls: boolean
}

/** A part of a statement where it is needed. */
export function only(needed: boolean, part: SQL): SQL {
  return needed ? part : sql.empty()
}

/** Folded hashtags of all tweets, each once. */
export function tagsOf({ tweets }: Publication): string[] {
  return [...new Set(tweets.flatMap(({ tags }) => tags))]
}

/** A CTE's body: the tweets as rows. `limit` tells the planner how few they are. */
export function givenTweets({ tweets }: Publication): SQL {
  const rows = tweets.map((tweet, place) => ({
    place,
    id: tweet.id,
    content: tweet.content,
    entities: tweet.entities,
    tags: tweet.tags,
    mentioned: tweet.mentioned,
    is_sensitive: tweet.isSensitive,
    created_at_ms: tweet.createdAtMs,
    reply_to_id: tweet.replyToId,
    quote_tweet_id: tweet.quoteTweetId,
    poll_options: tweet.poll?.options ?? null,
    poll_ends_at_ms: tweet.poll?.endsAtMs ?? null,
  }))
  return sql`
      select *
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g(
        place int, id bigint, content text, entities jsonb, tags jsonb, mentioned jsonb, is_sensitive boolean,
        created_at_ms float8, reply_to_id bigint, quote_tweet_id bigint, poll_options jsonb, poll_ends_at_ms float8)
      limit ${tweets.length}`
}

/** The CTE `earlier`: what another request with the same Idempotency-Key has made. */
export function earlierResult({ authorId, tweets: [first], idempotency }: Publication): SQL {
  return sql`, earlier as (
      select result_id, request_hash = ${idempotency?.requestHash ?? null} as is_same
      from idempotency_keys
      where user_id = ${authorId} and key = ${idempotency?.key ?? null} and result_id <> ${first.id}
    )`
}

/** The CTE `named`: the tweets that are answered and quoted, and why that is refused. */
export function namedTweets(publication: Publication): SQL {
  return sql`, named as materialized (${judgeNamed(publication.authorId, namedBy(publication))}
    )`
}

/** The CTEs `people` and `known_tags`: those mentioned, and the hashtags. */
export function peopleAndTags(publication: Publication): SQL {
  const mentioned = [...new Set(publication.tweets.flatMap(({ mentioned }) => mentioned))]
  const tags = tagsOf(publication)
  return sql`${only(mentioned.length > 0, sql`, people as materialized (${peopleNamed(mentioned)})`)}${only(
    tags.length > 0,
    sql`, known_tags as materialized (${hashtagsNamed(tags)})`,
  )}`
}

/** The CTEs that store what is kept beside the tweets. */
export function dependants({ tags, mentions, polls }: Carried): SQL {
  return sql`${only(tags, tagged)}${only(mentions, mentioned)}${only(polls, polled)}`
}

const tagged = sql`, tagged as (
      insert into tweet_hashtags (tweet_id, hashtag_id)
      select tweet.id, known_tags.id
      from tweet
      join given using (id)
      cross join jsonb_array_elements_text(given.tags) as written(tag)
      join known_tags on known_tags.tag = written.tag
      returning tweet_id, hashtag_id
    )`

const mentioned = sql`, mentioned as (
      insert into tweet_mentions (tweet_id, user_id)
      select tweet.id, people.id
      from tweet
      join given using (id)
      cross join jsonb_array_elements_text(given.mentioned) as written(username)
      join people on people.username = written.username
      returning tweet_id
    )`

const polled = sql`, poll as (
      insert into polls (tweet_id, ends_at)
      select tweet.id, to_timestamp(given.poll_ends_at_ms / 1000)
      from tweet
      join given using (id)
      where given.poll_ends_at_ms is not null
    ), poll_option as (
      insert into poll_options (tweet_id, position, text)
      select tweet.id, choice.place - 1, choice.text
      from tweet
      join given using (id)
      cross join jsonb_array_elements_text(given.poll_options) with ordinality as choice(text, place)
      where given.poll_ends_at_ms is not null
    )`

/** The CTE `ledger`: a tweet counts for its author, its hashtags, the tweet that it answers and the one that it quotes. */
export function ledger(author: UserId, { tags, replies, quotes }: Carried): SQL {
  return sql`ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${author}::bigint, 'tweet_count', count(*) from tweet having count(*) > 0
      ${only(
        tags,
        sql`union all
      select 'hashtag', hashtag_id, 'tweet_count', count(*) from tagged group by hashtag_id`,
      )}
      ${only(
        replies,
        sql`union all
      select 'tweet', reply_to_id, 'reply_count', count(*)
      from tweet where reply_to_id is not null group by reply_to_id`,
      )}
      ${only(
        quotes,
        sql`union all
      select 'tweet', quote_tweet_id, 'quote_count', count(*)
      from tweet where quote_tweet_id is not null group by quote_tweet_id`,
      )}
    )`
}

/** Outbox rows for those whom a tweet answers, quotes or mentions, and for those who asked to be told of the author's tweets. */
export function notifies(author: UserId, { replies, quotes, mentions }: Carried): SQL {
  const reasons = [
    ...(replies ? [sql`reply_to_user_id <> user_id`] : []),
    ...(quotes ? [sql`quote_tweet_id is not null`] : []),
    ...(mentions ? [sql`id in (select tweet_id from mentioned)`] : []),
  ]
  const named = sql`select ${notificationRow('tweet_changed', sql`'tweet_id', id, 'author_id', user_id`)}
      from tweet
      where ${sql.join(reasons, sql` or `)}
      union all
      `
  return sql`${only(reasons.length > 0, named)}select ${notificationRow(
    'audience',
    sql`'of', 'subscribers', 'tweet_id', id, 'author_id', user_id, 'from_user', 1, 'to_user', ${MAX_ID}::bigint`,
  )}
      from tweet
      where reply_to_id is null
        and exists (select from follows f where f.following_id = ${author} and f.notify)`
}
