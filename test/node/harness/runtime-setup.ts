import type { TestProject } from 'vitest/node'
import { bundleWorkers } from './bundle-workers.ts'
import { startTestDatabase } from './postgres.ts'
import { startPushService } from './push-service.ts'
import { startPushServiceControl } from './push-service-control.ts'

declare module 'vitest' {
  interface ProvidedContext {
    databaseUrl: string
    endpointUrl: string
    pushServiceOrigin: string
    pushControlUrl: string
  }
}

/**
 * A Postgres of its own for the tests in the Workers runtime, with the Neon-compatible endpoint in front of it, and a push
 * service.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  bundleWorkers()
  const [database, pushService] = await Promise.all([startTestDatabase(), startPushService()])
  const control = await startPushServiceControl(pushService)
  project.provide('databaseUrl', database.databaseUrl)
  project.provide('endpointUrl', database.endpointUrl)
  project.provide('pushServiceOrigin', pushService.origin)
  project.provide('pushControlUrl', control.url)
  return async () => {
    await control.stop()
    await pushService.stop()
    await database.stop()
  }
}
