import { readStackConfig } from './config.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { prepareDatabase } from './migrate.ts'
import { StackError } from './stack-error.ts'
import { lockFolder, runningStack } from './stack-file.ts'

/**
 * Runs `use` on the database that the environment means, migrated: DATABASE_URL, or else that of the stack running on
 * DATA_DIR, or else the embedded server on DATA_DIR, started for this and stopped afterwards.
 */
export async function withDatabase<Result>(
  use: (databaseUrl: string) => Promise<Result>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Result> {
  const { databaseUrl, dataDir } = readStackConfig(env)
  if (databaseUrl !== undefined) return useMigrated(databaseUrl, use)
  const running = await runningStack(dataDir)
  if (running === undefined) return withEmbedded(dataDir, use)
  if (running.databaseUrl === null) {
    throw new StackError(`The stack on ${dataDir} is still starting: try again when it is ready.`)
  }
  return useMigrated(running.databaseUrl, use)
}

async function withEmbedded<Result>(dataDir: string, use: (databaseUrl: string) => Promise<Result>) {
  const lock = await lockFolder(dataDir)
  try {
    const server = await startEmbeddedPostgres({ dataDir })
    try {
      await lock.publish({ databaseUrl: server.urlOf() })
      return await useMigrated(server.urlOf(), use)
    } finally {
      await server.stop()
    }
  } finally {
    await lock.release()
  }
}

async function useMigrated<Result>(databaseUrl: string, use: (databaseUrl: string) => Promise<Result>) {
  await prepareDatabase(databaseUrl)
  return use(databaseUrl)
}
