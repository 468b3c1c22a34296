import type { TimelineRpc } from '../contracts/timeline.ts'
import { connect } from '../db/client.ts'
import type { UserId } from '../domain/ids.ts'
import type { Logger } from '../domain/log.ts'
import { timelineStub } from '../durable-objects/stubs.ts'
import type { Deps } from '../services/deps.ts'
import type { Settings } from '../services/settings.ts'
import { FreshnessCache } from '../views/freshen.ts'
import { MutedWordLists } from '../views/muted-words.ts'
import { PulledAuthors } from '../views/pulled-authors.ts'
import { TrendsCache } from '../views/trends.ts'
import { createArchives } from './archives.ts'
import { configurationOf } from './env.ts'
import { createQueues } from './queues.ts'
import type { ServerTiming } from './server-timing.ts'
import { sharedCache } from './shared-cache.ts'

interface Ambient {
  log: Logger
  timing: Pick<ServerTiming, 'timed'>
  defer(work: Promise<unknown>): void
}

/** The real world behind the ports, for one request, one batch or one cron run. */
export function createDeps(env: Env, { log, timing, defer }: Ambient): Deps {
  const { settings, database, replica } = configurationOf(env)
  const db = connect(database)
  return {
    db,
    replica: replica === null ? db : connect(replica),
    settings,
    log,
    now: Date.now,
    random: Math.random,
    uuid: () => crypto.randomUUID(),
    passwords: env.PASSWORDS,
    search: env.SEARCH,
    timeline: (user: UserId): TimelineRpc => timelineStub(env, user),
    queues: createQueues(env, settings.databaseEpoch),
    archives: createArchives(env.ARCHIVES),
    ...cachesOf(settings),
    sharedCache,
    defer: (work) => defer(work.catch((error) => log.error('deferred_work_failed', { error }))),
    timed: (part, work) => timing.timed(part, work),
  }
}

interface IsolateCaches {
  freshness: FreshnessCache
  pulled: PulledAuthors
  mutedWords: MutedWordLists
  trends: TrendsCache
}

const caches = new WeakMap<Settings, IsolateCaches>()

/** One of each an isolate: settings are parsed once in it. */
function cachesOf(settings: Settings): IsolateCaches {
  const known = caches.get(settings) ?? {
    freshness: new FreshnessCache(settings.freshenTtlMs),
    pulled: new PulledAuthors(),
    mutedWords: new MutedWordLists(),
    trends: new TrendsCache(),
  }
  caches.set(settings, known)
  return known
}

/** For work that nobody waits for: nothing is timed. */
export const untimed: Pick<ServerTiming, 'timed'> = { timed: (_part, work) => work() }
