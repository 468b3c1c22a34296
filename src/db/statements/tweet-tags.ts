import { type SQL, sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { UserId } from '../../domain/ids.ts'
import { array } from '../client.ts'
import { isPresent } from './visibility.ts'

/** What a text says besides its words, as `extractEntities` finds it. */
export interface NewEntities {
  /** Mentions are candidates: those that name nobody are dropped. */
  entities: { hashtags: Entities['hashtags']; mentions: object[]; urls: Entities['urls'] }
  /** Folded hashtags, each once. */
  tags: string[]
  /** Folded usernames, each once. */
  mentioned: string[]
}

/**
 * Adds the hashtags that are new, before the statement that uses them: it waits for others that insert the same. In
 * order, so that two tweets with the same new hashtags cannot deadlock. A hashtag that a refused tweet leaves behind is
 * on no tweet and counts none; an author who may not write leaves none.
 */
export function insertHashtags(author: UserId, tags: readonly string[]): SQL | null {
  if (tags.length === 0) return null
  return sql`
    insert into hashtags (tag)
    select given.tag
    from unnest(${array(tags, 'text')}) as given(tag)
    where not exists (select from hashtags h where h.tag = given.tag)
      and exists (select from users u where u.id = ${author} and ${isPresent})
    order by given.tag
    on conflict do nothing`
}

/** A CTE's body: the hashtags of these texts, which are all there. As literals, so that the unique index finds them. */
export function hashtagsNamed(tags: readonly string[]): SQL {
  return sql`select h.id, h.tag from hashtags h where h.tag = any(${array(tags, 'text')})`
}

/** A CTE's body: those of the people named who are there. */
export function peopleNamed(usernames: readonly string[]): SQL {
  return sql`
      select u.id, lower(u.username) as username
      from users u
      where lower(u.username) = any(${array(usernames, 'text')}) and ${isPresent}`
}

/** The entities to store, of the entities given: with the ids of those mentioned, from the CTE `people`. */
export function entitiesOf(given: SQL): SQL {
  return sql`jsonb_build_object(
      'hashtags', ${given} -> 'hashtags',
      'urls', ${given} -> 'urls',
      'mentions', coalesce((
        select jsonb_agg(m || jsonb_build_object('id', people.id) order by place)
        from jsonb_array_elements(${given} -> 'mentions') with ordinality as mention(m, place)
        join people on people.username = lower(m ->> 'username')), '[]'::jsonb))`
}
