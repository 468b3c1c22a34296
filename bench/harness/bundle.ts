import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'

/** The production bundle of a Worker, as `wrangler deploy` would upload it: answers the path of its one module. */
export function bundleWorker(config: string, outDir: string): string {
  const result = spawnSync('wrangler', ['deploy', '--dry-run', '--outdir', outDir, '-c', config], {
    cwd: PROJECT_ROOT,
    encoding: 'utf8',
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
  })
  if (result.status !== 0) throw new Error(`${config} does not bundle: ${result.stdout}${result.stderr}`)
  return join(outDir, 'index.js')
}
