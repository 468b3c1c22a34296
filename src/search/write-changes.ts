import { z } from 'zod'
import type { IndexChanges } from '../contracts/search.ts'
import { gramsOf } from '../domain/search/near-terms.ts'
import {
  type PersonRow,
  personRow,
  removedPerson,
  removedTweet,
  type Term,
  type TweetRow,
  tweetRow,
} from './documents.ts'
import { type OpenDatabase, rangeFrom, type SearchIndex } from './ranges.ts'
import { UNKNOWN_TERMS, writeBatch } from './write-statements.ts'

/** Keeps the parameters of a statement far below D1's 2 MB. */
const DOCUMENTS_PER_BATCH = 100
/** A database can be closed under a write; that it happens so often in a row is a mistake of ours. */
const TRIES = 5
const KNOWN_TERMS_MAX = 50_000

interface Rows {
  tweets: TweetRow[]
  people: PersonRow[]
}

type Change =
  | { kind: 'tweet'; row: TweetRow; terms: Term[] }
  | { kind: 'person'; row: PersonRow; terms: Term[] }

/** Writes each document to the database that its id belongs to. Done when all of them are written. */
export async function writeChanges(index: SearchIndex, changes: IndexChanges): Promise<void> {
  let pending = changesOf(changes)
  for (let tries = 0; pending.length > 0; tries++) {
    if (tries === TRIES) throw new Error('The ranges of the search databases do not settle')
    const open = tries === 0 ? await index.open() : await index.refresh()
    const left: Change[] = []
    for (const place of open)
      left.push(
        ...(await writeTo(
          index,
          place,
          pending.filter(({ row }) => owns(place, row.id)),
        )),
      )
    pending = left
  }
}

function changesOf(changes: IndexChanges): Change[] {
  const all: Change[] = [
    ...changes.tweets.map((tweet) => ({ kind: 'tweet' as const, ...tweetRow(tweet) })),
    ...changes.people.map((person) => ({ kind: 'person' as const, ...personRow(person) })),
    ...changes.removedTweets.map((removal) => ({
      kind: 'tweet' as const,
      row: removedTweet(removal),
      terms: [],
    })),
    ...changes.removedPeople.map((removal) => ({
      kind: 'person' as const,
      row: removedPerson(removal),
      terms: [],
    })),
  ]
  // Of one document the last word alone, because a statement looks at what is known once.
  const last = new Map<string, Change>()
  for (const change of all) {
    const key = `${change.kind} ${change.row.id}`
    const known = last.get(key)
    if (known === undefined || isLater(change, known)) last.set(key, change)
  }
  return [...last.values()]
}

function isLater({ row }: Change, { row: known }: Change): boolean {
  return row.version > known.version || (row.version === known.version && row.removed >= known.removed)
}

function owns({ range: { fromId, untilId } }: OpenDatabase, id: number): boolean {
  return id >= fromId && (untilId === null || id < untilId)
}

/** Answers those that the database did not take, because it was closed meanwhile. */
async function writeTo(
  index: SearchIndex,
  place: OpenDatabase,
  changes: readonly Change[],
): Promise<Change[]> {
  const left: Change[] = []
  for (let at = 0; at < changes.length; at += DOCUMENTS_PER_BATCH) {
    const part = changes.slice(at, at + DOCUMENTS_PER_BATCH)
    const range = await writePart(place, part)
    left.push(...part.filter(({ row }) => range === null || !owns({ ...place, range }, row.id)))
    if (range !== null && range.untilId === null) await index.closeIfFull(place, range.documents)
  }
  return left
}

async function writePart({ database }: OpenDatabase, changes: readonly Change[]) {
  const terms = await unknownTerms(
    database,
    changes.flatMap((change) => change.terms),
  )
  const rows: Rows = { tweets: [], people: [] }
  for (const change of changes) {
    if (change.kind === 'tweet') rows.tweets.push(change.row)
    else rows.people.push(change.row)
  }
  const learnt = terms.map(({ kind, word }) => [kind + word, [...word].length, gramsOf(kind, word)] as const)
  const results = await database.batch(writeBatch(database, { ...rows, terms: learnt }))
  remember(database, terms)
  return rangeFrom(results.at(-1))
}

const knownTerms = new WeakMap<D1Database, Set<string>>()

/** Words are mostly known: this isolate remembers which, and the database is asked for the others. */
async function unknownTerms(database: D1Database, terms: readonly Term[]): Promise<Term[]> {
  const known = knownTerms.get(database) ?? new Set()
  const doubtful = new Map<string, Term>()
  for (const term of terms) {
    const name = term.kind + term.word
    if (!known.has(name)) doubtful.set(name, term)
  }
  if (doubtful.size === 0) return []
  const { results } = await database
    .prepare(UNKNOWN_TERMS)
    .bind(JSON.stringify([...doubtful.keys()]))
    .run()
  const unknown = new Set(
    z
      .array(z.object({ term: z.string() }))
      .parse(results)
      .map(({ term }) => term),
  )
  const all = [...doubtful.entries()]
  remember(
    database,
    all.filter(([name]) => !unknown.has(name)).map(([, term]) => term),
  )
  return all.filter(([name]) => unknown.has(name)).map(([, term]) => term)
}

function remember(database: D1Database, terms: readonly Term[]): void {
  let known = knownTerms.get(database) ?? new Set()
  if (known.size > KNOWN_TERMS_MAX) known = new Set()
  for (const { kind, word } of terms) known.add(kind + word)
  knownTerms.set(database, known)
}
