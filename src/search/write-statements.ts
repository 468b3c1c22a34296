import { type PersonRow, PLACE_SHIFT, type TweetRow } from './documents.ts'
import { readRange } from './ranges.ts'

/**
 * The documents of ?1 that change something: inside of the range of this database, and not older than what it knows. Of
 * one version a removal is the last word.
 */
function accepted(table: 'tweets' | 'people'): string {
  return `documents as (
      select
        value ->> 'id' as id,
        value ->> 'version' as version,
        value ->> 'removed' as removed,
        value as document
      from json_each(?1)
    ),
    accepted as (
      select d.*, t.id as known, coalesce(t.is_removed, 1) as was_removed
      from documents d
      cross join id_range r
      left join ${table} t on t.id = d.id
      where d.id >= r.from_id
        and (r.until_id is null or d.id < r.until_id)
        and (t.id is null
          or d.version > t.version
          or d.version = t.version and d.removed >= t.is_removed)
    )`
}

const COUNT_DOCUMENTS = (table: 'tweets' | 'people') => `with ${accepted(table)}
  update id_range
  set documents = documents + (select count(*) from accepted where known is null)`

/** Tags of what was known are counted back, those of what is told are counted. */
const COUNT_HASHTAGS = `with ${accepted('tweets')},
  changes as (
    select tag.value ->> 0 as key, tag.value ->> 1 as tag, 1 as change
    from accepted, json_each(document, '$.tags') as tag
    union all
    select tag.value ->> 0, tag.value ->> 1, -1
    from accepted join tweets on tweets.id = accepted.known, json_each(tweets.hashtags) as tag
  )
  insert into hashtags (key, tag, tweets)
  select key, tag, sum(change)
  from changes
  where true
  group by key, tag
  having sum(change) <> 0
  on conflict do update set tweets = tweets + excluded.tweets`

/** A tweet's tokens are written again only where they may have changed: with its version, or its tier. */
const REWRITTEN = `accepted
  left join tweets t on t.id = accepted.known
  where (removed or was_removed or accepted.version > t.version or document ->> 'tier' <> t.tier)`

const FORGET_TWEETS = `with ${accepted('tweets')}
  delete from tweets_fts
  where rowid in (select accepted.id from ${REWRITTEN} and not was_removed)`

const INSERT_TWEETS = `with ${accepted('tweets')}
  insert into tweets_fts (rowid, words, forms, facts)
  select accepted.id, document ->> 'words', document ->> 'forms', document ->> 'facts'
  from ${REWRITTEN} and not removed
  order by accepted.id`

const KEEP_TWEETS = `with ${accepted('tweets')}
  insert into tweets (id, version, is_removed, is_sensitive, engagement, tier, hashtags)
  select id, version, removed, document ->> 'sensitive', document ->> 'engagement', document ->> 'tier', document -> 'tags'
  from accepted
  where true
  on conflict (id) do update set
    version = excluded.version,
    is_removed = excluded.is_removed,
    is_sensitive = excluded.is_sensitive,
    engagement = excluded.engagement,
    tier = excluded.tier,
    hashtags = excluded.hashtags`

const FORGET_PEOPLE = `with ${accepted('people')}
  delete from people_fts
  where rowid in (
    select (p.tier << ${PLACE_SHIFT}) + p.id
    from accepted join people p on p.id = accepted.known
    where not p.is_removed
  )`

const INSERT_PEOPLE = `with ${accepted('people')}
  insert into people_fts (rowid, names, bio)
  select ((document ->> 'tier') << ${PLACE_SHIFT}) + id, document ->> 'names', document ->> 'bio'
  from accepted
  where not removed`

const KEEP_PEOPLE = `with ${accepted('people')}
  insert into people (id, version, is_removed, handle, tier)
  select id, version, removed, document ->> 'handle', document ->> 'tier'
  from accepted
  where true
  on conflict (id) do update set
    version = excluded.version,
    is_removed = excluded.is_removed,
    handle = excluded.handle,
    tier = excluded.tier`

/** ?1 is `[[term, length, [gram ...]]]`. */
const LEARN_TERMS = `insert or ignore into terms (term) select value ->> 0 from json_each(?1)`
const LEARN_GRAMS = `insert or ignore into term_grams (gram, length, term)
  select gram.value, entry.value ->> 1, entry.value ->> 0
  from json_each(?1) as entry, json_each(entry.value, '$[2]') as gram`

/** Of the terms in ?1 those that are not known. */
export const UNKNOWN_TERMS = `select value as term
  from json_each(?1)
  where value not in (select term from terms)`

const WRITE_TERMS = [LEARN_TERMS, LEARN_GRAMS]
const WRITE_TWEETS = [COUNT_DOCUMENTS('tweets'), COUNT_HASHTAGS, FORGET_TWEETS, INSERT_TWEETS, KEEP_TWEETS]
const WRITE_PEOPLE = [COUNT_DOCUMENTS('people'), FORGET_PEOPLE, INSERT_PEOPLE, KEEP_PEOPLE]

/** What is written at once, each the ?1 of its statements. */
export interface Writes {
  tweets: readonly TweetRow[]
  people: readonly PersonRow[]
  terms: readonly (readonly [term: string, length: number, grams: string[]])[]
}

/** One transaction: all of it, or nothing. The range that it was written under comes last. */
export function writeBatch(database: D1Database, { tweets, people, terms }: Writes): D1PreparedStatement[] {
  const each = (statements: readonly string[], rows: readonly unknown[]) => {
    const json = JSON.stringify(rows)
    return rows.length === 0 ? [] : statements.map((sql) => database.prepare(sql).bind(json))
  }
  return [
    ...each(WRITE_TERMS, terms),
    ...each(WRITE_TWEETS, tweets),
    ...each(WRITE_PEOPLE, people),
    readRange(database),
  ]
}
