import type { TestProject } from 'vitest/node'
import { bundlePasswordWorker } from './bundle-passwords.ts'
import { startTestDatabase } from './postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    databaseUrl: string
    endpointUrl: string
  }
}

/** A Postgres of its own for the tests in the Workers runtime, with the Neon-compatible endpoint in front of it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  bundlePasswordWorker()
  const database = await startTestDatabase()
  project.provide('databaseUrl', database.databaseUrl)
  project.provide('endpointUrl', database.endpointUrl)
  return database.stop
}
