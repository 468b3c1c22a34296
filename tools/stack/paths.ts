import { join } from 'node:path'

/** The folder of package.json and wrangler.toml. */
export const PROJECT_ROOT = join(import.meta.dirname, '..', '..')

export const POSTGRES_MIGRATIONS = join(PROJECT_ROOT, 'migrations', 'postgres')
