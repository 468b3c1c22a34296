import { z } from 'zod'
import type { HashtagHits, NameSearch } from '../contracts/search.ts'
import { askAll, askDatabase, besideRange } from './ask.ts'
import { nearTerms } from './correct-query.ts'
import { tagKey } from './documents.ts'
import type { OpenDatabase, SearchIndex } from './ranges.ts'

/** What a database is asked for beyond a page, because a tag may stand further behind in one than in all. */
const OVERREAD = 5

/** The first letters that the most used tags are indexed by. */
const INDEXED_LETTERS = 3

/**
 * Tags that begin with ?1, the most used first: of the ?2 most used that have its first letters, and of the ?2 that follow
 * it in the alphabet. So the most used of few letters are all there, and those that begin with many.
 */
const byPrefix = (letters: number) =>
  besideRange(`with used as materialized (
      select key, tag, tweets
      from hashtags
      where substr(key, 1, ${letters}) = substr(?1, 1, ${letters})
        and tweets > 0
      order by tweets desc
      limit ?2
    ),
    following as materialized (select key, tag, tweets from hashtags where key >= ?1 order by key limit ?2)
    select tag, tweets
    from (select * from used union select * from following)
    where key >= ?1
      and key < ?1 || char(0x10ffff)
      and tweets > 0`)

const BY_PREFIX = Array.from({ length: INDEXED_LETTERS }, (_, at) => byPrefix(at + 1))

const BY_KEYS = besideRange(`select tag, tweets
  from hashtags
  where key in (select value from json_each(?1))
    and tweets > 0`)

const row = z.object({ tag: z.string(), tweets: z.number() })
type Counted = z.infer<typeof row>

/** Tags that begin with what was typed, those of the most tweets first; where there are none, those that are near. */
export async function searchHashtags(
  index: SearchIndex,
  { text, limit }: Omit<NameSearch, 'after'>,
): Promise<HashtagHits> {
  const key = tagKey(text.replace(/^[#\uff03\s]+/u, ''))
  if (key === '') return { hits: [] }
  const byLetters = BY_PREFIX[Math.min([...key].length, INDEXED_LETTERS) - 1] ?? ''
  const found = await ask(index, ({ database }) => database.prepare(byLetters).bind(key, limit * OVERREAD))
  if (found.length > 0) return best(found, key, limit)
  const near = await nearTerms(index, '#', key)
  if (near.length === 0) return { hits: [] }
  return best(
    await ask(index, ({ database }) => database.prepare(BY_KEYS).bind(JSON.stringify(near))),
    key,
    limit,
  )
}

function ask(
  index: SearchIndex,
  statement: (place: OpenDatabase) => D1PreparedStatement,
): Promise<Counted[]> {
  return askAll(index, (place) => askDatabase(statement(place), row))
}

/** The tag that was typed in full comes first. */
function best(found: readonly Counted[], key: string, limit: number): HashtagHits {
  const counts = new Map<string, number>()
  for (const { tag, tweets } of found) counts.set(tag, (counts.get(tag) ?? 0) + tweets)
  const hits = Array.from(counts, ([tag, tweetCount]) => {
    const score = Math.log10(1 + tweetCount) + (tagKey(tag) === key ? 10 : 0)
    return { tag, tweetCount, score }
  })
  return { hits: hits.sort((a, b) => b.score - a.score || (a.tag < b.tag ? -1 : 1)).slice(0, limit) }
}
