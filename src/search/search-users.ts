import { z } from 'zod'
import type { HitPlace, NameSearch, PeopleHits } from '../contracts/search.ts'
import { askAll, askDatabase, besideRange } from './ask.ts'
import { CORRECTED_MAX, nearTerms } from './correct-query.ts'
import { handleToken, PLACE_SHIFT, typedWords } from './documents.ts'
import { allOf, NOTHING, quoted } from './match-expression.ts'
import type { SearchIndex } from './ranges.ts'

/**
 * The four ways to find people, best first. A hit's score is the way's and below it the person's tier, so that pages go
 * on from one way into the next.
 */
const WAYS = { handle: 3000, names: 2000, near: 1000, bio: 0 } as const
type Way = keyof typeof WAYS
const WAY_SPAN = 1000

const hit = z.object({ way: z.enum(['handle', 'names', 'near', 'bio']), id: z.number(), tier: z.number() })
type Hit = z.infer<typeof hit>

/**
 * The best known first, because their rowids are the highest: `tier` and `id` are of the place that the page is behind.
 * They are bound as floating point, in which rowids of this size are hundreds apart.
 */
function byMatch(way: Way, { match, tier, id, limit }: Record<'match' | 'tier' | 'id' | 'limit', string>) {
  return `select '${way}' as way, rowid & ((1 << ${PLACE_SHIFT}) - 1) as id, rowid >> ${PLACE_SHIFT} as tier
    from people_fts
    where people_fts match ${match}
      and rowid < (cast(${tier} as integer) << ${PLACE_SHIFT}) + cast(${id} as integer)
    order by rowid desc
    limit ${limit}`
}

/**
 * Whose handle is ?1, whose names match ?2 behind the tier ?4 and the id ?5, and where these do not fill a page of ?8,
 * whose bio matches ?3 behind ?6 and ?7.
 */
const FIND_PEOPLE = besideRange(`with named as materialized (
    ${byMatch('names', { match: '?2', tier: '?4', id: '?5', limit: '?8' })}
  ),
  wanted as materialized (select case when count(*) < ?8 then ?3 else '${NOTHING}' end as bio from named)
  select 'handle' as way, id, tier from people where handle = ?1 and not is_removed
  union all
  select * from named
  union all
  select * from (${byMatch('bio', { match: '(select bio from wanted)', tier: '?6', id: '?7', limit: '?8' })})`)

const FIND_NEAR = besideRange(byMatch('near', { match: '?1', tier: '?2', id: '?3', limit: '?4' }))
const FIND_ANY_NAMED = besideRange(byMatch('names', { match: '?1', tier: '?2', id: '?3', limit: '1' }))

/** So many words of a name are looked for. */
const WORDS_MAX = 8

/** Above every tier. */
const TOP_PLACE = { tier: 128, id: 0 }

/** A page of people: whose handle it is, whose names begin like it, whose names are near it, whose bio has it. */
export async function searchUsers(index: SearchIndex, search: NameSearch): Promise<PeopleHits> {
  const { text, after, limit } = search
  const words = typedWords(text).slice(0, WORDS_MAX)
  const handle = handleToken(text.replace(/^[@\uff20\s]+/u, '')).slice(1)
  if (words.length === 0 && handle === '') return { hits: [], hasMore: false }
  const found = await askFor(index, search, { handle, words })
  // Whom the handle finds is found by it alone.
  const owners = new Set(found.flatMap(({ way, id }) => (way === 'handle' ? [id] : [])))
  const isNamed = found.some(({ way }) => way === 'names')
  const near = words.length > 0 && !isNamed ? await nearlyNamed(index, search, words) : []
  const hits = [...found, ...near]
    .filter(({ way, id }) => way === 'handle' || !owners.has(id))
    .map(({ way, id, tier }): HitPlace => ({ id, score: WAYS[way] + tier }))
    .filter((place) => isBehind(place, after))
    .sort((a, b) => b.score - a.score || b.id - a.id)
  return { hits: hits.slice(0, limit), hasMore: hits.length > limit }
}

function isBehind({ score, id }: HitPlace, after: HitPlace | null): boolean {
  return after === null || score < after.score || (score === after.score && id < after.id)
}

interface Asked {
  handle: string
  words: readonly string[]
}

function askFor(index: SearchIndex, { after, limit }: NameSearch, { handle, words }: Asked): Promise<Hit[]> {
  const isText = words.length > 0
  const names = isText && isAhead('names', after) ? namesAre(words) : NOTHING
  const bio = isText ? `(${bioHas(words)}) NOT (${namesAre(words)})` : NOTHING
  const places = [startOf('names', after), startOf('bio', after)].flatMap(({ tier, id }) => [tier, id])
  const binds = [handle, names, bio, ...places, wantedFor(limit)]
  return askAll(index, ({ database }) => askDatabase(database.prepare(FIND_PEOPLE).bind(...binds), hit))
}

/** One more shows that there are more, and one may be whose handle it is. */
function wantedFor(limit: number): number {
  return limit + 2
}

/** Whether a page that begins behind `after` may have hits of this way. */
function isAhead(way: Way, after: HitPlace | null): boolean {
  return after === null || after.score >= WAYS[way]
}

/** Where a page behind `after` begins among the hits of a way. */
function startOf(way: Way, after: HitPlace | null): { tier: number; id: number } {
  const isWithin = after !== null && after.score < WAYS[way] + WAY_SPAN
  return isWithin ? { tier: after.score - WAYS[way], id: after.id } : TOP_PLACE
}

/** The ways exclude each other, so that nobody is found twice: near names are looked up only where there are no others. */
async function nearlyNamed(
  index: SearchIndex,
  { after, limit }: NameSearch,
  words: readonly string[],
): Promise<Hit[]> {
  if (!isAhead('near', after)) return []
  if (after !== null && (await isAnybodyNamed(index, words))) return []
  const meant = await Promise.all(
    words.map(async (word, at) => [word, ...(at < CORRECTED_MAX ? await nearTerms(index, '@', word) : [])]),
  )
  if (meant.every(({ length }) => length === 1)) return []
  const near = allOf(meant.map((terms) => terms.map(quoted).join(' OR ')))
  const { tier, id } = startOf('near', after)
  const binds = [`(names : (${near})) NOT (${bioHas(words)})`, tier, id, wantedFor(limit)]
  return askAll(index, ({ database }) => askDatabase(database.prepare(FIND_NEAR).bind(...binds), hit))
}

/** On the first page that is known. */
async function isAnybodyNamed(index: SearchIndex, words: readonly string[]): Promise<boolean> {
  const binds = [namesAre(words), TOP_PLACE.tier, TOP_PLACE.id]
  const found = await askAll(index, ({ database }) =>
    askDatabase(database.prepare(FIND_ANY_NAMED).bind(...binds), hit),
  )
  return found.length > 0
}

function namesAre(words: readonly string[]): string {
  return `names : (${namesMatch(words)})`
}

function bioHas(words: readonly string[]): string {
  return `bio : (${namesMatch(words)})`
}

/** The last word may be unfinished. */
function namesMatch(words: readonly string[]): string {
  return allOf(words.map((word, at) => (at === words.length - 1 ? `${quoted(word)} *` : quoted(word))))
}
