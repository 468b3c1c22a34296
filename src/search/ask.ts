import { type IdRange, type OpenDatabase, rangeFrom, readRange, type SearchIndex } from './ranges.ts'

/** The databases as they are now: the last that this isolate knows of may have been closed, and another be open. */
export async function startOf(index: SearchIndex): Promise<OpenDatabase[]> {
  const open = await index.open()
  const newest = open.at(-1)
  if (newest === undefined || newest.number + 1 >= index.databases.length) return open
  const range = rangeFrom(await readRange(newest.database).run())
  return range === null || range.untilId !== null ? index.refresh() : open
}

/** Runs the statements, and reads the range with them. */
export async function askDatabase(
  { database }: OpenDatabase,
  statements: readonly D1PreparedStatement[],
): Promise<[first: D1Result | undefined, range: IdRange | null]> {
  const results = await database.batch([...statements, readRange(database)])
  return [results[0], rangeFrom(results.at(-1))]
}

/** Asks all databases at once; a database that was opened meanwhile is asked, too. */
export async function askAll<Found>(
  index: SearchIndex,
  ask: (place: OpenDatabase) => Promise<{ found: Found[]; range: IdRange | null }>,
): Promise<Found[]> {
  const open = await index.open()
  const answers = await Promise.all(open.map(ask))
  const newest = answers.at(-1)?.range
  const isCurrent = newest?.untilId === null || open.length === index.databases.length
  const opened = isCurrent ? [] : (await index.refresh()).slice(open.length)
  const more = await Promise.all(opened.map(ask))
  return [...answers, ...more].flatMap(({ found }) => found)
}
