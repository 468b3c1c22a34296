/** What has become of an author, or of what they wrote. */
export const STATES = ['public', 'private', 'deleted', 'deactivated', 'suspended'] as const
export type State = (typeof STATES)[number]

/** What the reader is to the author. */
export const RELATIONS = [
  'owner',
  'follower',
  'pending',
  'stranger',
  'anonymous',
  'muting',
  'blocking',
  'blocked',
] as const
export type Relation = (typeof RELATIONS)[number]

/** What a reader gets to see at a place; the legend is in `expected.md`. */
export const SIGHTS = {
  S: 'shown',
  n: 'named, without what they wrote',
  s: 'a stub',
  '-': 'absent',
  '4': '404, as what is missing',
  b: '403 blocked',
  f: '403 forbidden',
  x: '401',
  '?': 'another refusal',
  '.': 'not asked',
} as const
export type Sight = keyof typeof SIGHTS

/** By place. */
export type Sights = Map<string, Row>

/** A row's cells: one string of letters for each state, in the order of `RELATIONS`. */
export type Row = Record<State, string>

/** Reads the rows of `expected.md`: `| place | public | private | ... |`, each cell its letters in backquotes. */
export function parseTable(text: string): Sights {
  const sights: Sights = new Map()
  for (const line of text.split('\n')) {
    const [, place, ...cells] = line.split('|').map((cell) => cell.trim().replaceAll('`', ''))
    if (place === undefined || cells.length !== STATES.length + 1 || !cells[0]?.match(/^\S{8}$/)) continue
    if (sights.has(place)) throw new Error(`expected.md has two rows for ${place}`)
    sights.set(
      place,
      rowOf((state) => cells[STATES.indexOf(state)] ?? ''),
    )
  }
  return sights
}

export function rowOf(cellsOf: (state: State) => string): Row {
  const [first, second, third, fourth, fifth] = STATES
  return {
    [first]: cellsOf(first),
    [second]: cellsOf(second),
    [third]: cellsOf(third),
    [fourth]: cellsOf(fourth),
    [fifth]: cellsOf(fifth),
  }
}

/** The line of `expected.md` that says so. */
export function lineOf(place: string, row: Row): string {
  return `| ${place} | ${STATES.map((state) => `\`${row[state]}\``).join(' | ')} |`
}

export function sightAt(cells: string, n: number): Sight {
  const letter = cells[n] ?? '.'
  return isSight(letter) ? letter : '?'
}

function isSight(letter: string): letter is Sight {
  return letter in SIGHTS
}
