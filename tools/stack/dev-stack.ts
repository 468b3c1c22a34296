import { join } from 'node:path'
import { readStackConfig } from './config.ts'
import { startCron } from './cron.ts'
import type { DemoAccount } from './demo.ts'
import { ensureDemoCommunity } from './demo.ts'
import { readOrCreateDevSecrets } from './dev-secrets.ts'
import { writeEnvFile } from './env-file.ts'
import { endLeftovers } from './leftovers.ts'
import { migrateD1 } from './migrate-d1.ts'
import { openDatabase } from './open-database.ts'
import { isPortFree, LOOPBACK } from './ports.ts'
import type { Run } from './run-stack.ts'
import { runStack } from './run-stack.ts'
import { StackError } from './stack-error.ts'
import { lockFolder } from './stack-file.ts'
import { overriddenVars, readWorkerConfigs } from './worker-configs.ts'
import { startWranglerDev, wranglerEnded } from './wrangler-dev.ts'

export interface DevStackOptions {
  /** Another entry of the API Worker than its own, as a path from the project's root: tests put faults around it. */
  main?: string
}

/** The whole of Warbler on this machine, until Ctrl-C; the environment says where. */
export function runDevStack({ main }: DevStackOptions = {}): void {
  runStack((run) => startDevStack(run, main))
}

async function startDevStack(run: Run, main: string | undefined): Promise<void> {
  const { port, dataDir, databaseUrl: askedDatabase } = readStackConfig(process.env)
  const lock = await run.own(
    () => lockFolder(dataDir),
    (it) => it.release(),
  )
  await endLeftovers(dataDir)
  await requireFree(port)

  console.log('Starting the database...')
  const database = await openDatabase(run, {
    dataDir,
    databaseUrl: askedDatabase,
    print: console.log,
  })
  await lock.publish({ ...database, apiPort: port })
  const account = await ensureDemoCommunity(database.databaseUrl, dataDir)

  console.log('Starting the Workers...')
  const workers = await readWorkerConfigs()
  const configs = [workers.api, ...workers.others]
  await migrateD1(configs, dataDir)
  const envFile = join(dataDir, 'dev.env')
  await writeEnvFile(envFile, {
    ...(await readOrCreateDevSecrets()),
    DATABASE_URL: database.databaseUrl,
    DATABASE_ENDPOINT: database.endpointUrl,
    ...overriddenVars(workers.api, process.env),
  })
  const wrangler = await run.own(
    () => startWranglerDev({ configs, main, port, dataDir, envFile, shared: false, print: console.log }),
    (it) => it.stop(),
  )
  await wrangler.ready('/api/health', run.signal)
  void wrangler.exited.then((lastWords) => run.fail(wranglerEnded(lastWords)))
  await keepCronsFiring(run, port, workers.api.crons)
  console.log(announcement({ port, dataDir, account }))
}

async function requireFree(port: number) {
  if (await isPortFree(port)) return
  throw new StackError(
    `Port ${port} is in use: end what listens there, or choose another, as in PORT=${port + 1} npm run dev.`,
  )
}

async function keepCronsFiring(run: Run, port: number, crons: string[]) {
  await run.own(
    async () => startCron({ origin: `http://${LOOPBACK}:${port}`, crons, print: console.log }),
    (cron) => cron.stop(),
  )
}

interface Announced {
  port: number
  dataDir: string
  account: DemoAccount | undefined
}

function announcement({ port, dataDir, account }: Announced): string {
  const signIn = account === undefined ? [] : [`  Sign in   ${account.username} / ${account.password}`]
  return [
    '',
    'Warbler is running. Ctrl-C stops it.',
    `  API       http://${LOOPBACK}:${port}/api`,
    `  Docs      http://${LOOPBACK}:${port}/docs`,
    `  Stream    ws://${LOOPBACK}:${port}/api/stream`,
    ...signIn,
    `  Data      ${dataDir}`,
    '',
  ].join('\n')
}
