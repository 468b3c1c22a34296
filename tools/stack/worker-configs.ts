import { globSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from './paths.ts'

export interface WorkerConfig {
  /** Absolute path of its wrangler.toml. */
  path: string
  vars: Record<string, unknown>
  crons: string[]
  /** Bindings of its D1 databases that have migrations. */
  d1Databases: string[]
}

/** The API Worker's configuration and those of the Workers that it calls: every `src/<folder>/wrangler.toml`. */
export async function readWorkerConfigs(
  root = PROJECT_ROOT,
): Promise<{ api: WorkerConfig; others: WorkerConfig[] }> {
  const others = globSync('src/*/wrangler.toml', { cwd: root }).sort()
  return {
    api: await readWorkerConfig(join(root, 'wrangler.toml')),
    others: await Promise.all(others.map((path) => readWorkerConfig(join(root, path)))),
  }
}

const workerConfig = z.object({
  vars: z.record(z.string(), z.unknown()),
  triggers: z.object({ crons: z.array(z.string()).nullish() }),
  d1_databases: z.array(z.object({ binding: z.string(), migrations_dir: z.string().optional() })),
})

async function readWorkerConfig(path: string): Promise<WorkerConfig> {
  // Loaded here and not above: it takes most of a second, which a start that fails early need not wait.
  const { unstable_readConfig } = await import('wrangler')
  const { vars, triggers, d1_databases } = workerConfig.parse(
    unstable_readConfig({ config: path }, { hideWarnings: true }),
  )
  const migrated = d1_databases.filter((database) => database.migrations_dir !== undefined)
  return { path, vars, crons: triggers.crons ?? [], d1Databases: migrated.map(({ binding }) => binding) }
}

/** The entries of `[vars]` for which the environment has a variable of the same name. */
export function overriddenVars({ vars }: WorkerConfig, env: NodeJS.ProcessEnv): Record<string, string> {
  const names = Object.keys(vars)
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
