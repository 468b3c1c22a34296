import { z } from 'zod'
import type { UserId } from '../../domain/ids.ts'

const facts = {
  /** How far the owner has read, and the seq of the frame that said so. */
  marker: z.object({ lastReadId: z.number(), updatedAtMs: z.number(), seq: z.number() }),
  /** Which of the followees are pulled authors, as of which set. */
  pulled: z.object({
    hash: z.string(),
    asOfMs: z.number(),
    authors: z.array(z.number().transform((id) => id as UserId)),
  }),
  /** What the owner does not want to see. */
  preferences: z.object({
    words: z.array(z.object({ phrase: z.string(), expiresAtMs: z.number().nullable() })),
    hidesSensitive: z.boolean(),
    version: z.number(),
  }),
  /** When what the owner's card shows has changed. */
  own_card: z.object({ changedAtMs: z.number() }),
}

type Facts = { [Name in keyof typeof facts]: z.output<(typeof facts)[Name]> }

/** Single values of a timeline, each a row of its own. Read from storage once. */
export class FactsTable {
  readonly #sql: SqlStorage
  readonly #known: Partial<Facts> = {}

  constructor(sql: SqlStorage) {
    this.#sql = sql
    for (const row of sql.exec<{ name: string; value: string }>('select name, value from facts')) {
      if (isName(row.name)) this.#read(row.name, row.value)
    }
  }

  get<Name extends keyof Facts>(name: Name): Facts[Name] | null {
    return this.#known[name] ?? null
  }

  put<Name extends keyof Facts>(name: Name, value: Facts[Name]): void {
    this.#sql.exec(
      'insert into facts (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
      name,
      JSON.stringify(value),
    )
    this.#known[name] = value
  }

  forget(name: keyof Facts): void {
    this.#sql.exec('delete from facts where name = ?', name)
    delete this.#known[name]
  }

  #read(name: keyof Facts, value: string): void {
    Object.assign(this.#known, { [name]: facts[name].parse(JSON.parse(value)) })
  }
}

function isName(name: string): name is keyof Facts {
  return name in facts
}
