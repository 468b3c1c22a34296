import { deleteExports, deleteExportsOf, readExpiredExports } from '../db/statements/exports.ts'
import type { UserId } from '../domain/ids.ts'
import { archiveKey, archivesOf } from './archive-keys.ts'
import type { Deps } from './deps.ts'

const ARCHIVES_PER_BATCH = 500
/** Some 100,000 in an hour's run. What is left waits for the next. */
const BATCHES_MAX = 200

/** Deletes archives that have expired, and then that they were there. Answers how many exports that were. */
export async function expireArchives(deps: Deps, perBatch = ARCHIVES_PER_BATCH): Promise<number> {
  let expired = 0
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const rows = await readExpiredExports(deps.db, perBatch)
    if (rows.length === 0) break
    await deps.archives.delete(rows.map(archiveKey))
    await deleteExports(
      deps.db,
      rows.map(({ id }) => id),
    )
    expired += rows.length
    if (rows.length < perBatch) break
  }
  return expired
}

/**
 * Deletes all archives of a user, whatever is being written included: for whoever erases an account, before the user's
 * row goes. Again does nothing.
 */
export async function deleteArchivesOf(deps: Deps, user: UserId): Promise<void> {
  await deleteExportsOf(deps.db, user)
  for (;;) {
    const keys = await deps.archives.list(archivesOf(user))
    if (keys.length === 0) return
    await deps.archives.delete(keys)
  }
}
