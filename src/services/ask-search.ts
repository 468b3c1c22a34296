import type { SearchRpc } from '../contracts/search.ts'
import { AppError } from '../domain/errors.ts'
import { within } from '../views/deadline.ts'
import type { Deps } from './deps.ts'

/** Search is to take less than a second: one that takes so long is given up. */
const SEARCH_TIMEOUT_MS = 5_000
const RETRY_AFTER_SECONDS = 2

/** What the search Worker answers. Throws `unavailable` when it fails or takes too long. */
export async function askSearch<Found extends object>(
  deps: Deps,
  ask: (search: SearchRpc) => Promise<Found>,
): Promise<Found> {
  const found = await deps
    .timed('search', () => within(ask(deps.search), SEARCH_TIMEOUT_MS))
    .catch((cause: unknown) => {
      throw new AppError('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause })
    })
  if (found === null) {
    const detail = 'Search takes too long'
    throw new AppError('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS, detail })
  }
  return found
}
