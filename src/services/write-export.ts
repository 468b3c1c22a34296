import type { ExportMessage } from '../contracts/queues.ts'
import { claimExport, failExport, finishExport, releaseExport } from '../db/statements/exports.ts'
import { settleOutbox } from '../db/statements/outbox.ts'
import type { UserId } from '../domain/ids.ts'
import { type ArchiveLimits, ArchiveTooLargeError, archiveContent } from './archive-content.ts'
import { archiveKey } from './archive-keys.ts'
import type { Deps } from './deps.ts'

export interface ExportLimits {
  pages: number
  bytes: number
  /** How long one attempt writes. */
  writeMs: number
  /** How long nobody else begins: longer than any invocation lives. */
  leaseSeconds: number
}

/**
 * Below what the platform gives one invocation of a consumer: 10,000 subrequests (pages, and parts of 8 MiB) and 15
 * minutes.
 */
const LIMITS: ExportLimits = {
  pages: 8_000,
  bytes: 8 * 2 ** 30,
  writeMs: 12 * 60_000,
  leaseSeconds: 16 * 60,
}

/** An attempt at writing what a message owes. */
interface Attempt {
  outboxId: number
  user: UserId
  id: string
}

/**
 * Writes the archive that a message owes, from the start whatever others have begun, and says that it is there: `done`, as
 * when nothing is owed any more or it is too large for one invocation, which is said to its owner. `held`: somebody else
 * writes it, or was killed doing so. Throws when the attempt failed; then another one may begin at once.
 */
export async function writeExport(
  deps: Deps,
  { outbox_id: outboxId, event }: ExportMessage,
  limits: ExportLimits = LIMITS,
): Promise<'done' | 'held'> {
  const attempt: Attempt = { outboxId, user: event.user_id as UserId, id: deps.uuid() }
  const claim = await claimExport(deps.db, outboxId, attempt.id, limits.leaseSeconds)
  if (claim.outcome === 'held') return 'held'
  if (claim.outcome === 'gone') {
    await settleOutbox(deps.db, 'exports', [outboxId], [])
    return 'done'
  }
  try {
    await deps.archives.delete([archiveKey({ id: claim.previous, user_id: attempt.user })])
    await write(deps, attempt, limits)
  } catch (error) {
    if (!(error instanceof ArchiveTooLargeError)) {
      await release(deps, attempt)
      throw error
    }
    deps.log.error('export_too_large', { outbox_id: outboxId, error })
    await failExport(deps.db, outboxId, attempt.id)
  }
  return 'done'
}

async function write(
  deps: Deps,
  { outboxId, user, id }: Attempt,
  { pages, bytes: bytesMax, writeMs }: ExportLimits,
): Promise<void> {
  const startMs = deps.now()
  const limits: ArchiveLimits = { pages, bytes: bytesMax, untilMs: startMs + writeMs }
  const key = archiveKey({ id, user_id: user })
  const bytes = await deps.archives.write(key, archiveContent(deps, user, limits))
  const isOurs = await finishExport(deps.db, outboxId, id, bytes)
  if (!isOurs) await deps.archives.delete([key])
  deps.log.info('export_written', {
    outbox_id: outboxId,
    bytes,
    kept: isOurs,
    duration_ms: deps.now() - startMs,
  })
}

/** Where that fails, too, the lease ends by itself. What was written is the next attempt's to delete. */
async function release(deps: Deps, { outboxId, id }: Attempt): Promise<void> {
  try {
    await releaseExport(deps.db, id)
  } catch (error) {
    deps.log.warn('export_not_released', { outbox_id: outboxId, error })
  }
}
