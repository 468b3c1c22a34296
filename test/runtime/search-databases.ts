import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

// As `wrangler d1 migrations apply` does it for a deployment: each test file has databases of its own.
const { SEARCH_MIGRATIONS, SEARCH_DB_0, SEARCH_DB_1 } = env
for (const database of [SEARCH_DB_0, SEARCH_DB_1]) await applyD1Migrations(database, SEARCH_MIGRATIONS)

declare global {
  namespace Cloudflare {
    interface Env {
      SEARCH_MIGRATIONS: Parameters<typeof applyD1Migrations>[1]
      SEARCH_DB_0: D1Database
      SEARCH_DB_1: D1Database
    }
  }
}
