import type { Db } from '../db/client.ts'
import type { Deps, Viewer } from './deps.ts'

/** For a viewer's own mutes and blocks to hold at once: who is signed in is answered by the primary, all others as `readLagging` does. */
export function readLaggingFor<Found>(
  deps: Deps,
  viewer: Viewer | null,
  read: (db: Db) => Promise<Found>,
): Promise<Found> {
  return viewer === null ? readLagging(deps, read) : read(deps.db)
}

/**
 * Reads what may be some seconds old, from the replica. The primary answers where there is no replica, where it fails, and
 * where it knows nothing (null), for who has just come is not lost. Never for what the viewer wrote themselves, nor for
 * what a write, a build or fan-out goes by.
 */
export async function readLagging<Found>(deps: Deps, read: (db: Db) => Promise<Found>): Promise<Found> {
  if (deps.replica === deps.db) return read(deps.db)
  try {
    const found = await read(deps.replica)
    if (found !== null) return found
  } catch (error) {
    deps.log.warn('replica_failed', { error })
  }
  return read(deps.db)
}
