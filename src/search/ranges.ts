import { z } from 'zod'
import { createLogger } from '../domain/log.ts'

/** There may be `SEARCH_DB_2` and so on, too: as many as `wrangler.toml` binds, numbered without a gap. */
export interface SearchEnv {
  SEARCH_DB_0: D1Database
  SEARCH_DB_1: D1Database
  DOCUMENTS_PER_DATABASE: string
}

const log = createLogger()

/** The ids of an open database: `fromId <= id < untilId`. Null: it takes what is new. */
export interface IdRange {
  fromId: number
  untilId: number | null
  documents: number
}

export interface OpenDatabase {
  number: number
  database: D1Database
  range: IdRange
}

const idRange = z
  .object({ from_id: z.number(), until_id: z.number().nullable(), documents: z.number() })
  .transform(
    ({ from_id, until_id, documents }): IdRange => ({ fromId: from_id, untilId: until_id, documents }),
  )

const READ_RANGE = 'select from_id, until_id, documents from id_range'

/** Stands last in every batch, so that a range that has changed meanwhile is noticed. */
export function readRange(database: D1Database): D1PreparedStatement {
  return database.prepare(READ_RANGE)
}

export function rangeFrom(result: D1Result | undefined): IdRange | null {
  return idRange.optional().parse(result?.results[0]) ?? null
}

/**
 * The databases and what this isolate knows of their ranges. That may be old: a database that this isolate takes for the
 * newest may have been closed by another. So writes carry the range as a condition, and reads look at it again.
 */
export class SearchIndex {
  readonly databases: readonly D1Database[]
  readonly documentsPerDatabase: number
  #open: Promise<OpenDatabase[]> | null = null

  constructor(databases: readonly D1Database[], documentsPerDatabase: number) {
    this.databases = databases
    this.documentsPerDatabase = documentsPerDatabase
  }

  /** Those that are open, oldest first; at least one. */
  open(): Promise<OpenDatabase[]> {
    this.#open ??= this.#read().catch((error: unknown) => {
      this.#open = null
      throw error
    })
    return this.#open
  }

  /** Reads the ranges anew, and opens the database that follows a closed one. */
  refresh(): Promise<OpenDatabase[]> {
    this.#open = null
    return this.open()
  }

  async #read(): Promise<OpenDatabase[]> {
    const ranges = await Promise.all(
      this.databases.map(async (database) => rangeFrom(await readRange(database).run())),
    )
    const open: OpenDatabase[] = []
    let fromId: number | null = 0
    for (const [number, database] of this.databases.entries()) {
      if (fromId === null) break
      const range: IdRange = ranges[number] ?? (await openDatabase(database, fromId))
      open.push({ number, database, range })
      fromId = range.untilId
    }
    return open
  }

  /**
   * Closes a full database behind the newest id that it has, if there is another to go on in. Which id that is, it
   * decides itself, once: whoever comes later finds it closed.
   */
  async closeIfFull({ number, database }: OpenDatabase, documents: number): Promise<void> {
    if (documents < this.documentsPerDatabase) return
    if (number + 1 >= this.databases.length)
      return log.warn('search_index_full', { database: number, documents })
    await database
      .prepare(
        `update id_range
        set until_id = 1 + max(
          coalesce((select max(id) from tweets), 0),
          coalesce((select max(id) from people), 0),
          from_id)
        where until_id is null
          and documents >= ?1`,
      )
      .bind(this.documentsPerDatabase)
      .run()
    await this.refresh()
  }
}

/** Whoever opens it, it begins at the same id: where the one before ends. */
async function openDatabase(database: D1Database, fromId: number): Promise<IdRange> {
  const [, range] = await database.batch([
    database.prepare('insert or ignore into id_range (from_id) values (?1)').bind(fromId),
    readRange(database),
  ])
  return rangeFrom(range) ?? { fromId, untilId: null, documents: 0 }
}

const indexes = new WeakMap<SearchEnv, SearchIndex>()

/** The index of this isolate. */
export function indexOf(env: SearchEnv): SearchIndex {
  const known = indexes.get(env) ?? new SearchIndex(databasesOf(env), Number(env.DOCUMENTS_PER_DATABASE))
  indexes.set(env, known)
  return known
}

function databasesOf(env: SearchEnv): D1Database[] {
  const bindings = new Map<string, unknown>(Object.entries(env))
  const databases: D1Database[] = []
  for (;;) {
    const database = bindings.get(`SEARCH_DB_${databases.length}`)
    if (!isDatabase(database)) return databases
    databases.push(database)
  }
}

function isDatabase(binding: unknown): binding is D1Database {
  return typeof binding === 'object' && binding !== null && 'prepare' in binding && 'batch' in binding
}
