import { applyD1Migrations, type D1Migration } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { z } from 'zod'

interface Databases {
  SEARCH_DB_0: D1Database
  SEARCH_DB_1: D1Database
  SEARCH_MIGRATIONS: D1Migration[]
}

// The API Worker has none of them: they are the search Worker's, and of the tests.
const { SEARCH_DB_0, SEARCH_DB_1, SEARCH_MIGRATIONS } = z.custom<Databases>().parse(env)

// As `wrangler d1 migrations apply` does it for a deployment.
for (const database of [SEARCH_DB_0, SEARCH_DB_1]) await applyD1Migrations(database, SEARCH_MIGRATIONS)
