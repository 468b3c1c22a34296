import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const OUT = join(ROOT, 'dist', 'test', 'passwords')

export const PASSWORD_WORKER_BUNDLE = join(OUT, 'index.js')

/** Bundles the password Worker as a deployment would, for tests that run it beside the Worker under test. */
export function bundlePasswordWorker(): void {
  const result = spawnSync(
    'wrangler',
    ['deploy', '--dry-run', '--outdir', OUT, '-c', join(ROOT, 'src/passwords/wrangler.toml')],
    { encoding: 'utf8', env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
  )
  if (result.status !== 0)
    throw new Error(`The password Worker does not bundle: ${result.stdout}${result.stderr}`)
}
