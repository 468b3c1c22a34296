import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const OUT = join(ROOT, 'dist', 'test')

export const PASSWORD_WORKER_BUNDLE = join(OUT, 'passwords', 'index.js')
export const SEARCH_WORKER_BUNDLE = join(OUT, 'search', 'index.js')
export const SEARCH_MIGRATIONS = join(ROOT, 'migrations', 'search')

/** Bundles the Workers that the one under test calls, as a deployment would, for tests that run them beside it. */
export function bundleWorkers(): void {
  for (const name of ['passwords', 'search']) {
    const result = spawnSync(
      'wrangler',
      [
        ...['deploy', '--dry-run', '--outdir', join(OUT, name)],
        ...['-c', join(ROOT, 'src', name, 'wrangler.toml')],
      ],
      { encoding: 'utf8', env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
    )
    if (result.status !== 0)
      throw new Error(`The Worker ${name} does not bundle: ${result.stdout}${result.stderr}`)
  }
}
