import type { Viewer } from '../../src/services/deps.ts'
import { askAs, type Heard } from './asking.ts'
import type { Relation, Sight } from './cells.ts'
import { type Author, readerOf, type World } from './world.ts'

/** One question of one reader about one author. */
export interface Cell {
  world: World
  relation: Relation
  author: Author
  /** Null for who is signed out. */
  reader: Viewer | null
}

/** Where something of an author could be seen. */
export interface Place {
  /** As in expected.md: a route, and after ` · ` what of it. */
  name: string
  /** Null where there is nothing to ask. */
  ask(cell: Cell): Promise<Heard | null>
  /** What is there if and only if it is shown. */
  marker(cell: Cell): string
  /** The tweet that a stub may stand for. */
  stub(cell: Cell): number | null
  /** Whether the author may be named where the marker is not. */
  names: boolean
}

/** What is looked for at a place. */
export type Sought = Pick<Place, 'marker'> & Partial<Pick<Place, 'stub' | 'names'>>

export function cellOf(world: World, relation: Relation, author: Author): Cell {
  return { world, relation, author, reader: readerOf(world, relation, author) }
}

/** What a reader sees of the author in an answer. */
export function sightIn(heard: Heard | null, place: Place, cell: Cell): Sight {
  if (heard === null) return '.'
  const { status, text } = heard
  if (text.includes(place.marker(cell))) return 'S'
  if (status === 404) return '4'
  if (status === 401) return 'x'
  if (status === 403) return text.includes('"code":"blocked"') ? 'b' : 'f'
  if (status >= 300) return '?'
  if (text.includes(`{"id":${place.stub(cell)},"unavailable":true}`)) return 's'
  return place.names && text.includes(cell.author.person.username) ? 'n' : '-'
}

/** Of a tweet: its word. */
export const word = (item: string): Sought => ({ marker: ({ author }) => author.word(item) })
/** The tweet that others quote and retweet, as it was edited last. */
export const theTweet: Sought = { ...word('edited'), stub: ({ author }) => author.idOf('tweet') }
/** The same as a quote, which a page may also have as a retweet. */
export const theQuote: Sought = {
  marker: ({ author }) => `"quote_tweet":{"id":${author.idOf('tweet')},"user"`,
  stub: ({ author }) => author.idOf('tweet'),
}
/** As who retweeted something. */
export const retweeter: Sought = {
  marker: ({ author: { person } }) => `"retweeted_by":{"id":${person.id},`,
}
export const name: Sought = { marker: ({ author }) => author.person.username }
export const bio: Sought = { marker: ({ author }) => author.bio, names: true }
export const message: Sought = { marker: ({ author }) => author.message }

export function placeOf(title: string, { marker, stub, names }: Sought, ask: Place['ask']): Place {
  return { name: title, marker, stub: stub ?? (() => null), names: names ?? false, ask }
}

/** Reads a route: of `GET /api/...` the path, or what stands in its `{id}` and behind it. */
export function reading(
  title: string,
  sought: Sought,
  id: ((cell: Cell) => number | null) | null = null,
  query = '',
): Place {
  const route = title.split(' · ')[0]?.split(' ')[1] ?? ''
  return placeOf(title, sought, async (cell) => {
    const given = id?.(cell) ?? null
    if (id !== null && given === null) return null
    return readOnce(cell, `${route.replace(/\{\w+\}/, String(given))}${query}`)
  })
}

/** What is the same for several cells of a reader is asked once, as long as nothing happens. */
function readOnce({ world, reader }: Cell, path: string): Promise<Heard> {
  const key = `${reader?.id} ${path}`
  const heard = world.answers.get(key) ?? askAs(reader, { method: 'GET', path })
  world.answers.set(key, heard)
  return heard
}
