import { readDatabaseHealth } from '../db/statements/health.ts'
import { type TweetId, timeOf } from '../domain/ids.ts'
import { askSearch } from './ask-search.ts'
import type { Deps } from './deps.ts'

const DAY_MS = 86_400_000
/** Less runway than this, and the cron that attaches partitions has failed for months. */
const RUNWAY_DAYS_MIN = 31

export interface Readiness {
  ready: boolean
  checks: Record<string, { ok: boolean; duration_ms: number; detail?: string }>
}

/**
 * Asks each dependency, side by side, and says what each took. Without search the API goes on, so that it is told but
 * decides nothing. Never throws.
 */
export async function checkReadiness(deps: Deps): Promise<Readiness> {
  const [database, passwords, search] = await Promise.all([
    measured(deps, () => checkDatabase(deps)),
    measured(deps, async () => {
      const { matches } = await deps.passwords.verify('', '')
      return { ok: !matches }
    }),
    measured(deps, async () => {
      await askSearch(deps, (search) => search.searchHashtags({ text: 'a', limit: 1 }))
      return { ok: true }
    }),
  ])
  return { ready: database.ok && passwords.ok, checks: { database, passwords, search } }
}

async function checkDatabase(deps: Deps): Promise<{ ok: boolean; detail: string }> {
  const { partitionsUntilId, oldestOutboxSeconds, deadLetters } = await readDatabaseHealth(deps.db)
  const runwayDays = Math.floor((timeOf(partitionsUntilId as TweetId) - deps.now()) / DAY_MS)
  const detail =
    `partitions reach ${runwayDays} days ahead, the oldest outbox row is ${Math.round(oldestOutboxSeconds)} s old, ` +
    `${deadLetters} dead letters`
  return { ok: runwayDays >= RUNWAY_DAYS_MIN, detail }
}

async function measured(
  deps: Deps,
  check: () => Promise<{ ok: boolean; detail?: string }>,
): Promise<{ ok: boolean; duration_ms: number; detail?: string }> {
  const start = deps.now()
  try {
    return { ...(await check()), duration_ms: deps.now() - start }
  } catch (error) {
    deps.log.error('readiness_check_failed', { error })
    return { ok: false, duration_ms: deps.now() - start, detail: 'does not answer' }
  }
}
