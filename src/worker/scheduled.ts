import { deleteExpired, ensureTweetPartitions } from '../db/statements/maintenance.ts'
import { retirePulledAuthors } from '../db/statements/pulled-authors.ts'
import { createLogger } from '../domain/log.ts'
import { closePolls } from '../services/close-polls.ts'
import type { Deps } from '../services/deps.ts'
import { eraseDeactivated } from '../services/erase-accounts.ts'
import { eraseDeletedContent } from '../services/erase-deleted.ts'
import { expireArchives } from '../services/expire-archives.ts'
import { forgetWithdrawn } from '../services/forget-withdrawn.ts'
import { forgetTrends, rankTrends } from '../services/rank-trends.ts'
import { relayOutbox } from '../services/relay-outbox.ts'
import { sweepLedger } from '../services/sweep-ledger.ts'
import { createDeps, untimed } from './deps.ts'

const EVERY_MINUTE = '* * * * *'

type Job = [name: string, run: (deps: Deps) => Promise<unknown>]

const EACH_MINUTE: Job[] = [
  ['relay_outbox', relayOutbox],
  ['sweep_ledger', sweepLedger],
  ['close_polls', closePolls],
  ['erase_deactivated', eraseDeactivated],
  ['rank_trends', rankTrends],
]

const EACH_HOUR: Job[] = [
  ['ensure_partitions', (deps) => ensureTweetPartitions(deps.db, deps.now())],
  ['retire_pulled_authors', (deps) => retirePulledAuthors(deps.db, deps.settings.fanOutPushLimit)],
  ['delete_expired', (deps) => deleteExpired(deps.db)],
  ['erase_deleted_content', eraseDeletedContent],
  ['forget_withdrawn', forgetWithdrawn],
  ['expire_archives', expireArchives],
  ['forget_trends', forgetTrends],
]

/** Runs the jobs of a cron trigger. One that fails does not keep the others from running; the run then fails. */
export async function runScheduled(
  event: ScheduledController,
  env: Env,
  context: ExecutionContext,
): Promise<void> {
  const log = createLogger({ cron: event.cron })
  const deps = createDeps(env, { log, timing: untimed, defer: (work) => context.waitUntil(work) })
  let failed = 0
  for (const [job, run] of event.cron === EVERY_MINUTE ? EACH_MINUTE : EACH_HOUR) {
    const start = Date.now()
    try {
      const result = await run(deps)
      log.info('job_done', { job, result, duration_ms: Date.now() - start })
    } catch (error) {
      failed++
      log.error('job_failed', { job, error })
    }
  }
  if (failed > 0) throw new Error(`${failed} scheduled jobs failed`)
}
