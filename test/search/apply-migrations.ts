import { applyD1Migrations } from 'cloudflare:test'
import { searchEnv } from './harness.ts'

await applyD1Migrations(searchEnv.SEARCH_DB_0, searchEnv.MIGRATIONS)
await applyD1Migrations(searchEnv.SEARCH_DB_1, searchEnv.MIGRATIONS)
