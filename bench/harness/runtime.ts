import { dirname, join } from 'node:path'
import { readD1Migrations } from '@cloudflare/vitest-plugin'
import { convertV4MiniflareOptions, Miniflare, type WorkerdStructuredLog } from 'miniflare'
import { unstable_getMiniflareWorkerOptions as optionsOf } from 'wrangler'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'
import { freePort } from '../../tools/stack/ports.ts'
import { pidsWithEnvironment } from '../../tools/stack/processes.ts'
import { bundleWorker } from './bundle.ts'

/** Secrets of a runtime that lives as long as a benchmark. */
export const BENCH_ACCESS_SECRET = 'bench-access-secret-of-32-characters!'
const BENCH_REFRESH_SECRET = 'bench-refresh-secret-of-32-characters'

export interface RuntimeOptions {
  /** For bundles and the objects' storage. */
  folder: string
  databaseUrl: string
  endpointUrl: string
  /** Opens workerd's inspector, which costs a little. */
  inspected: boolean
}

export interface Runtime {
  /** The API Worker itself, without a proxy before it. */
  api: string
  /** The Worker of the bare baselines, in the same process. */
  bare: string
  /** Of workerd. */
  pid: number
  /** Where a profiler attaches; null unless inspected. */
  inspectorUrl: string | null
  /** The bundle's source map. */
  sourceMap: string
  stop(): Promise<void>
}

/** Tells the runtime's process from others. */
const RUNTIME_MARK = 'WARBLER_BENCH'
const COMPLAINTS_SHOWN = 10
const COMPLAINT_LENGTH = 500
const BARE_CONFIG = 'bench/bare/wrangler.toml'
const PASSWORDS_CONFIG = 'src/passwords/wrangler.toml'
const SEARCH_CONFIG = 'src/search/wrangler.toml'
const SEARCH_WORKER = 'warbler-search'
const SEARCH_DATABASES = ['SEARCH_DB_0', 'SEARCH_DB_1']

/**
 * Serves the production bundles in one workerd process by sockets of their own: `wrangler dev` would put a proxy before
 * them that is slower than they are. Limits that would end a benchmark are raised; the Rate Limiting binding, whose
 * local simulator is a hop to Node that production has not, is off.
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { folder, databaseUrl, endpointUrl, inspected } = options
  const apiScript = bundleWorker('wrangler.toml', join(folder, 'api'))
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          ...workerOf('wrangler.toml', 'warbler', apiScript, {
            DATABASE_URL: databaseUrl,
            DATABASE_ENDPOINT: endpointUrl,
            JWT_SECRET: BENCH_ACCESS_SECRET,
            REFRESH_SECRET: BENCH_REFRESH_SECRET,
            RATE_LIMITS: 'off',
            TWEETS_PER_3_HOURS: '1000000',
            FOLLOWS_PER_DAY: '1000000',
            LIKES_PER_DAY: '1000000',
            MESSAGES_PER_DAY: '1000000',
          }),
          unsafeDirectSockets: [{}],
        },
        workerOf(
          PASSWORDS_CONFIG,
          'warbler-passwords',
          bundleWorker(PASSWORDS_CONFIG, join(folder, 'passwords')),
        ),
        workerOf(SEARCH_CONFIG, SEARCH_WORKER, bundleWorker(SEARCH_CONFIG, join(folder, 'search'))),
        {
          ...workerOf(BARE_CONFIG, 'warbler-bare', bundleWorker(BARE_CONFIG, join(folder, 'bare')), {
            DATABASE_URL: databaseUrl,
            DATABASE_ENDPOINT: endpointUrl,
          }),
          unsafeDirectSockets: [{}],
        },
      ],
      ...(inspected ? { inspectorPort: await freePort() } : {}),
      resourcePersistencePath: join(folder, 'storage'),
      unsafeRuntimeEnv: { [RUNTIME_MARK]: folder },
      logRequests: false,
      // Said by the Worker as JSON lines, thousands a second: they are written and read as in a deployment, and dropped.
      handleStructuredLogs: showComplaints(),
    }),
  )
  try {
    await miniflare.ready
    await migrateSearch(miniflare)
  } catch (error) {
    await miniflare.dispose()
    throw error
  }
  const [pid] = await pidsWithEnvironment(RUNTIME_MARK, folder)
  if (pid === undefined) throw new Error('The runtime has no process')
  return {
    api: originOf(await miniflare.unsafeGetDirectURL('warbler')),
    bare: originOf(await miniflare.unsafeGetDirectURL('warbler-bare')),
    pid,
    inspectorUrl: inspected ? String(await miniflare.getInspectorURL()) : null,
    sourceMap: `${apiScript}.map`,
    stop: () => miniflare.dispose(),
  }
}

async function migrateSearch(miniflare: Miniflare): Promise<void> {
  const migrations = await readD1Migrations(join(PROJECT_ROOT, 'migrations', 'search'))
  for (const name of SEARCH_DATABASES) {
    const database = await miniflare.getD1Database(name, SEARCH_WORKER)
    await database.batch(migrations.flatMap(({ queries }) => queries.map((query) => database.prepare(query))))
  }
}

/** As wrangler understands its configuration, with the bundle instead of the source. Assets would put a hop before it. */
export function workerOf(
  config: string,
  name: string,
  scriptPath: string,
  vars: Record<string, string> = {},
) {
  const { workerOptions } = optionsOf(join(PROJECT_ROOT, config))
  const { assets: _assets, modulesRules: _rules, bindings, ...options } = workerOptions
  const source = { modules: true, scriptPath, modulesRoot: dirname(scriptPath) }
  return { ...options, ...source, name, bindings: Object.assign({}, bindings, vars) }
}

/** Shows the first errors and warnings: a benchmark of what fails is none. */
export function showComplaints() {
  let shown = 0
  return ({ level, message }: WorkerdStructuredLog) => {
    if ((level !== 'error' && level !== 'warn') || shown >= COMPLAINTS_SHOWN) return
    shown += 1
    console.error(message.slice(0, COMPLAINT_LENGTH))
  }
}

function originOf(url: URL): string {
  return url.origin
}
