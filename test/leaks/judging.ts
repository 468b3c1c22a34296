import type { Heard } from './asking.ts'
import {
  lineOf,
  RELATIONS,
  type Row,
  rowOf,
  SIGHTS,
  type Sight,
  type Sights,
  STATES,
  sightAt,
} from './cells.ts'
import { type Cell, cellOf, type Place, sightIn } from './place.ts'
import { of, type World } from './world.ts'

/** Rows of expected.md that say more than of themselves: whose tweets a reader may read, and whom they may find. */
const READS = 'GET /api/tweets/{id}'
const FINDS = 'GET /api/users/{id}'

/** What was seen at places, and all that was told beyond what the table allows. */
export interface Judged {
  sights: Sights
  leaks: string[]
}

/** Asks for every cell of the places. */
export async function judge(world: World, places: readonly Place[], expected: Sights): Promise<Judged> {
  const leaks: string[] = []
  const rows = await Promise.all(
    places.map(async (place): Promise<[string, Row]> => {
      const cells = STATES.map(async (state) => {
        const letters = RELATIONS.map(async (relation, n): Promise<Sight> => {
          const cell = cellOf(world, relation, of(world.authors, state))
          const heard = await place.ask(cell)
          const leak = heard === null ? null : leakIn(heard, cell, place, { expected, n })
          if (leak !== null) leaks.push(`${place.name}, ${state}, ${relation}: ${leak}`)
          return sightIn(heard, place, cell)
        })
        return (await Promise.all(letters)).join('')
      })
      const row = await Promise.all(cells)
      return [place.name, rowOf((state) => row[STATES.indexOf(state)] ?? '')]
    }),
  )
  return { sights: new Map(rows), leaks }
}

/**
 * Whatever the place: who may not read an author is told no word of theirs, and somebody who is gone, or whom a block
 * stands before, is named only where the table says so.
 */
function leakIn(
  { text }: Heard,
  { author, relation }: Cell,
  { name }: Place,
  { expected, n }: { expected: Sights; n: number },
): string | null {
  const at = (place: string) => sightAt(expected.get(place)?.[author.state] ?? '', n)
  const heard = text.includes(author.secret)
    ? text.slice(Math.max(0, text.indexOf(author.secret) - 40))
    : null
  if (at(READS) !== 'S' && heard !== null) return `a word is told: ${heard.slice(0, 80)}`
  const isBehindBlock = relation === 'blocking' || relation === 'blocked'
  const mayBeNamed = relation === 'owner' || (at(FINDS) === 'S' && !isBehindBlock) || 'Sn'.includes(at(name))
  return mayBeNamed || !text.includes(author.person.username) ? null : 'the author is named'
}

/** Every cell in which two tables differ, as sentences. */
export function differencesOf(expected: Sights, seen: Sights): string[] {
  return [...seen].flatMap(([place, got]) => {
    const wanted = expected.get(place)
    if (wanted === undefined)
      return [`${place} has no row in expected.md. As it is now:\n${lineOf(place, got)}`]
    return STATES.flatMap((state) =>
      RELATIONS.flatMap((relation, n) => {
        const [a, b] = [sightAt(wanted[state], n), sightAt(got[state], n)]
        return a === b
          ? []
          : [`${place}, ${state}, ${relation}: expected is "${SIGHTS[a]}", and it is "${SIGHTS[b]}"`]
      }),
    )
  })
}
