import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'
import { bundleWorker } from './bundle.ts'
import { showComplaints, workerOf } from './runtime.ts'

const SEARCH_CONFIG = 'src/search/wrangler.toml'
const BARE_CONFIG = 'bench/search-bare/wrangler.toml'
const CALLER_CONFIG = 'bench/search-caller/wrangler.toml'

export interface SearchRuntime {
  /** Asks the Worker that calls the search Worker; throws when it does not succeed. */
  ask(path: string, body: unknown): Promise<string>
  stop(): Promise<void>
}

/** The search Worker, what it is compared with and their caller in a runtime of their own, on the databases below `folder`. */
export class SearchBench {
  readonly #folder: string
  readonly #scripts: Record<'search' | 'bare' | 'caller', string>

  constructor(folder: string) {
    this.#folder = folder
    this.#scripts = {
      search: bundleWorker(SEARCH_CONFIG, join(folder, 'search')),
      bare: bundleWorker(BARE_CONFIG, join(folder, 'search-bare')),
      caller: bundleWorker(CALLER_CONFIG, join(folder, 'search-caller')),
    }
  }

  async start(): Promise<SearchRuntime> {
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        workers: [
          {
            ...workerOf(CALLER_CONFIG, 'warbler-search-caller', this.#scripts.caller),
            unsafeDirectSockets: [{}],
          },
          workerOf(SEARCH_CONFIG, 'warbler-search', this.#scripts.search),
          workerOf(BARE_CONFIG, 'warbler-search-bare', this.#scripts.bare),
        ],
        resourcePersistencePath: this.#storage,
        logRequests: false,
        handleStructuredLogs: showComplaints(),
      }),
    )
    const { origin } = await miniflare.ready.then(() => miniflare.unsafeGetDirectURL('warbler-search-caller'))
    return {
      async ask(path, body) {
        const response = await fetch(`${origin}${path}`, { method: 'POST', body: JSON.stringify(body) })
        const text = await response.text()
        if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`)
        return text
      },
      stop: () => miniflare.dispose(),
    }
  }

  /**
   * Opens the file of the first database, while the runtime does not run: filling it by RPC would take hours. The first
   * call creates both databases and their tables.
   */
  async openFirst(): Promise<DatabaseSync> {
    if (this.#files().length === 0) await this.#create()
    const files = this.#files().map((path) => new DatabaseSync(path))
    const [first, ...others] = files.sort((a, b) => Number(isMarked(b)) - Number(isMarked(a)))
    for (const other of others) other.close()
    if (first === undefined) throw new Error('There is no database')
    return first
  }

  get #storage(): string {
    return join(this.#folder, 'search-storage')
  }

  #files(): string[] {
    const files = globSync('**/*D1*/*.sqlite', { cwd: this.#storage })
    return files.filter((name) => !name.includes('metadata')).map((name) => join(this.#storage, name))
  }

  async #create(): Promise<void> {
    const runtime = await this.start()
    await runtime.ask('/touch', {})
    await runtime.stop()
    const migration = readFileSync(join(PROJECT_ROOT, 'migrations', 'search', '0001_init.sql'), 'utf8')
    for (const path of this.#files()) {
      const database = new DatabaseSync(path)
      database.exec(migration)
      database.close()
    }
  }
}

function isMarked(database: DatabaseSync): boolean {
  return database.prepare(`select 1 from sqlite_master where name = 'bench_mark'`).get() !== undefined
}
