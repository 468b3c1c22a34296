import { type SQL, sql } from 'drizzle-orm'

/** Assignments that leave of a tweet but its place among others. */
export const withoutContent: SQL = sql`content = '', entities = '{"hashtags": [], "mentions": [], "urls": []}',
          media_urls = '[]', erased_at = now(), updated_at = now()`

/** CTEs that erase what is kept beside the tweets of the CTE `due (id)`. A poll keeps its votes, and not what they were for. */
export const dependantsErased: SQL = sql`versions as (
      delete from tweet_versions where tweet_id in (select id from due)
    ), mentions as (
      delete from tweet_mentions where tweet_id in (select id from due)
    ), tags as (
      delete from tweet_hashtags where tweet_id in (select id from due)
    ), options as (
      update poll_options set text = '' where tweet_id in (select id from due)
    )`
