/** `npm run services`: everything but the API Worker, for a plain `npx wrangler dev` beside it, until Ctrl-C. */
import { readStackConfig } from './stack/config.ts'
import { startCron } from './stack/cron.ts'
import { ensureDemoCommunity } from './stack/demo.ts'
import { readOrCreateDevSecrets } from './stack/dev-secrets.ts'
import { endLeftovers } from './stack/leftovers.ts'
import { migrateD1 } from './stack/migrate-d1.ts'
import { openDatabase } from './stack/open-database.ts'
import { freePort, LOOPBACK } from './stack/ports.ts'
import { runStack } from './stack/run-stack.ts'
import { StackError } from './stack/stack-error.ts'
import { lockFolder } from './stack/stack-file.ts'
import { readWorkerConfigs } from './stack/worker-configs.ts'
import { startWranglerDev, wranglerEnded } from './stack/wrangler-dev.ts'

runStack(async (run) => {
  const { port, dataDir, databaseUrl: askedDatabase } = readStackConfig(process.env)
  const secrets = await readOrCreateDevSecrets()
  if (askedDatabase !== undefined && askedDatabase !== secrets.DATABASE_URL) {
    throw new StackError('A plain wrangler dev goes by .dev.vars: put that DATABASE_URL there instead.')
  }
  const lock = await run.own(
    () => lockFolder(dataDir),
    (it) => it.release(),
  )
  await endLeftovers(dataDir)
  const { api, others } = await readWorkerConfigs()

  console.log('Starting the database...')
  const ours = new URL(secrets.DATABASE_URL).hostname === LOOPBACK
  const ports = { postgres: portOf(secrets.DATABASE_URL), endpoint: portOf(secrets.DATABASE_ENDPOINT) }
  const databaseUrl = ours ? undefined : secrets.DATABASE_URL
  const database = await openDatabase(run, { dataDir, databaseUrl, ports, print: console.log })
  await lock.publish(database)
  const account = await ensureDemoCommunity(database.databaseUrl, dataDir)

  console.log('Starting the Workers that the API calls...')
  await migrateD1(others, dataDir)
  const ownPort = await freePort()
  const wrangler = await run.own(
    () => startWranglerDev({ configs: others, port: ownPort, dataDir, shared: true, print: console.log }),
    (it) => it.stop(),
  )
  void wrangler.exited.then((lastWords) => run.fail(wranglerEnded(lastWords)))
  await run.own(
    async () =>
      startCron({
        origin: `http://${LOOPBACK}:${port}`,
        crons: api.crons,
        print: console.log,
        optional: true,
      }),
    (cron) => cron.stop(),
  )

  console.log('\nThe services are running. Now run npx wrangler dev in another terminal; Ctrl-C stops these.')
  console.log(`  Postgres  ${database.databaseUrl}`)
  console.log(`  Endpoint  ${database.endpointUrl || "Neon's own"}`)
  if (account !== undefined) console.log(`  Sign in   ${account.username} / ${account.password}`)
})

function portOf(url: string): number | undefined {
  const port = url === '' ? '' : new URL(url).port
  return port === '' ? undefined : Number(port)
}
