import { createLogger } from '../domain/log.ts'
import { Timeline } from '../durable-objects/timeline/object.ts'
import { consumeDeadLetters } from '../queues/dead-letter.ts'
import { consumeEngagement } from '../queues/engagement.ts'
import { consumeExports } from '../queues/exports.ts'
import { consumeFanOut } from '../queues/fan-out.ts'
import { consumeNotifications } from '../queues/notifications.ts'
import { consumePushes } from '../queues/pushes.ts'
import { consumeSearchIndex } from '../queues/search-index.ts'
import { createApp } from './app.ts'
import { createDeps, untimed } from './deps.ts'
import { configurationOf } from './env.ts'
import { runScheduled } from './scheduled.ts'

const app = createApp()

/** The Timeline object with this deployment's configuration. */
export class TimelineObject extends Timeline {
  constructor(context: DurableObjectState, env: Env) {
    const { database, settings } = configurationOf(env)
    super(context, env, { database, databaseEpoch: settings.databaseEpoch })
  }
}

export default {
  fetch: app.fetch,

  async queue(batch, env, context) {
    const log = createLogger({ queue: batch.queue })
    const deps = createDeps(env, { log, timing: untimed, defer: (work) => context.waitUntil(work) })
    if (batch.queue.startsWith('warbler-fan-out-')) return consumeFanOut(batch, deps)
    if (batch.queue.startsWith('warbler-notifications-')) return consumeNotifications(batch, deps)
    if (batch.queue === 'warbler-pushes') return consumePushes(batch, deps)
    if (batch.queue === 'warbler-exports') return consumeExports(batch, deps)
    if (batch.queue === 'warbler-search-index') return consumeSearchIndex(batch, deps)
    if (batch.queue === 'warbler-engagement') return consumeEngagement(batch, deps)
    return consumeDeadLetters(batch, deps)
  },

  scheduled: runScheduled,
} satisfies ExportedHandler<Env>
