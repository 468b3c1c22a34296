import { z } from 'zod'
import type { OpenDatabase, SearchIndex } from './ranges.ts'

/**
 * A select with the end of the database's range beside each row, and alone where there are no rows: so that a range that
 * has changed meanwhile is noticed without another trip. The order of the rows is lost.
 */
export function besideRange(select: string): string {
  return `select r.until_id as range_until, found.*
    from id_range r
    left join (select true as is_found, each.* from (${select}) each) found`
}

/** What a database answered, and whether it is one that takes what is new. */
export interface Answer<Found> {
  found: Found[]
  takesNew: boolean
}

const beside = z.object({ range_until: z.number().nullable(), is_found: z.number().nullable() })

/** Runs one statement of `besideRange`, in a trip of its own. */
export async function askDatabase<Found>(
  statement: D1PreparedStatement,
  row: z.ZodType<Found>,
): Promise<Answer<Found>> {
  const { results } = await statement.run()
  const [first] = z.array(beside).max(1).parse(results.slice(0, 1))
  const found = first?.is_found ? z.array(row).parse(results) : []
  return { found, takesNew: first?.range_until === null }
}

/** Asks all databases at once; a database that was opened meanwhile is asked, too. */
export async function askAll<Found>(
  index: SearchIndex,
  ask: (place: OpenDatabase) => Promise<Answer<Found>>,
): Promise<Found[]> {
  const open = await index.open()
  const answers = await Promise.all(open.map(ask))
  const isCurrent = answers.at(-1)?.takesNew === true || open.length === index.databases.length
  const opened = isCurrent ? [] : (await index.refresh()).slice(open.length)
  const more = await Promise.all(opened.map(ask))
  return [...answers, ...more].flatMap(({ found }) => found)
}
