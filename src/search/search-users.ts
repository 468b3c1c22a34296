import { z } from 'zod'
import type { HitPlace, NameSearch, PeopleHits } from '../contracts/search.ts'
import { askAll, askDatabase } from './ask.ts'
import { nearTerms } from './correct-query.ts'
import { handleToken, PLACE_SHIFT, typedWords } from './documents.ts'
import { allOf, quoted } from './match-expression.ts'
import type { OpenDatabase, SearchIndex } from './ranges.ts'

/**
 * The four ways to find people, best first. A hit's score is the way's and below it the person's tier, so that pages go
 * on from one way into the next.
 */
const WAYS = { handle: 3000, names: 2000, near: 1000, bio: 0 } as const
type Way = keyof typeof WAYS
const WAY_SPAN = 1000

const hit = z.object({ id: z.number(), tier: z.number() })

const BY_HANDLE = `select id, tier from people where handle = ?1 and not is_removed`

/** The best known first, because their rowids are the highest: ?2 is the tier and ?3 the id that the page is behind. */
const BY_MATCH = `select rowid & ((1 << ${PLACE_SHIFT}) - 1) as id, rowid >> ${PLACE_SHIFT} as tier
  from people_fts
  where people_fts match ?1
    and rowid < (cast(?2 as integer) << ${PLACE_SHIFT}) + ?3
  order by rowid desc
  limit ?4`

/** Above every tier. */
const TOP_PLACE = { tier: 128, id: 0 }

/** A page of people: whose handle it is, whose names begin like it, whose names are near it, whose bio has it. */
export async function searchUsers(index: SearchIndex, search: NameSearch): Promise<PeopleHits> {
  const { text, after, limit } = search
  const words = typedWords(text)
  const handle = handleToken(text.replace(/^[@\uff20\s]+/u, '')).slice(1)
  if (words.length === 0 && handle === '') return { hits: [], hasMore: false }
  const hits: HitPlace[] = []
  const add = (found: readonly HitPlace[]) => {
    for (const each of found) if (!hits.some(({ id }) => id === each.id)) hits.push(each)
  }
  const isNamed = words.length > 0 && isAhead('names', after)
  const names = { way: 'names', match: namesAre(words), after, wanted: limit + 2 } as const
  const [exact, named] = await Promise.all([
    byHandle(index, handle),
    isNamed ? byMatch(index, names) : Promise.resolve([]),
  ])
  const without = new Set(exact.map(({ id }) => id))
  if (isAhead('handle', after)) add(behind(exact, after))
  add(named.filter(({ id }) => !without.has(id)))
  for (const way of ['near', 'bio'] as const) {
    if (hits.length > limit || words.length === 0 || !isAhead(way, after)) continue
    if (way === 'near' && named.length > 0) continue
    const match = await matchOf(index, way, words)
    if (match === null) continue
    const found = await byMatch(index, { way, match, after, wanted: limit + 1 - hits.length + without.size })
    add(found.filter(({ id }) => !without.has(id)))
  }
  return { hits: hits.slice(0, limit), hasMore: hits.length > limit }
}

/** Whether a page that begins behind `after` may have hits of this way. */
function isAhead(way: Way, after: HitPlace | null): boolean {
  return after === null || after.score >= WAYS[way]
}

function behind(places: readonly HitPlace[], after: HitPlace | null): HitPlace[] {
  return places.filter(
    ({ score, id }) => after === null || score < after.score || (score === after.score && id < after.id),
  )
}

async function byHandle(index: SearchIndex, handle: string): Promise<HitPlace[]> {
  const found = await askAll(index, async (place) => {
    const [answer, range] = await askDatabase(place, [place.database.prepare(BY_HANDLE).bind(handle)])
    return { found: z.array(hit).parse(answer?.results), range }
  })
  return inOrder(found.map(({ id, tier }) => ({ id, score: WAYS.handle + tier })))
}

function inOrder(places: HitPlace[]): HitPlace[] {
  return places.sort((a, b) => b.score - a.score || b.id - a.id)
}

/** The ways exclude each other, so that nobody is found twice: near names are looked up only where there are no others. */
async function matchOf(
  index: SearchIndex,
  way: 'near' | 'bio',
  words: readonly string[],
): Promise<string | null> {
  const bio = `bio : (${namesMatch(words)})`
  if (way === 'bio') return `(${bio}) NOT (${namesAre(words)})`
  if (await isFound(index, namesAre(words))) return null
  const meant = await Promise.all(words.map(async (word) => [word, ...(await nearTerms(index, '@', word))]))
  if (meant.every(({ length }) => length === 1)) return null
  const near = allOf(meant.map((terms) => terms.map(quoted).join(' OR ')))
  return `(names : (${near})) NOT (${bio})`
}

function namesAre(words: readonly string[]): string {
  return `names : (${namesMatch(words)})`
}

/** The last word may be unfinished. */
function namesMatch(words: readonly string[]): string {
  return allOf(words.map((word, at) => (at === words.length - 1 ? `${quoted(word)} *` : quoted(word))))
}

async function isFound(index: SearchIndex, match: string): Promise<boolean> {
  const found = await byMatch(index, { way: 'names', match, after: null, wanted: 1 })
  return found.length > 0
}

interface Wanted {
  way: Way
  match: string
  after: HitPlace | null
  wanted: number
}

async function byMatch(index: SearchIndex, { way, match, after, wanted }: Wanted): Promise<HitPlace[]> {
  const isWithin = after !== null && after.score < WAYS[way] + WAY_SPAN
  const from = isWithin ? { tier: after.score - WAYS[way], id: after.id } : TOP_PLACE
  const statement = ({ database }: OpenDatabase) =>
    database.prepare(BY_MATCH).bind(match, from.tier, from.id, wanted)
  const found = await askAll(index, async (place) => {
    const [answer, range] = await askDatabase(place, [statement(place)])
    return { found: z.array(hit).parse(answer?.results), range }
  })
  return inOrder(found.map(({ id, tier }) => ({ id, score: WAYS[way] + tier }))).slice(0, wanted)
}
