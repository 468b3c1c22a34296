import { type ExportRow, insertExport, readExport } from '../db/statements/exports.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { signArchiveToken } from './tokens.ts'

/** An export of the viewer's, with what its archive is downloaded by; null unless that is there. */
export interface OwnExport {
  row: ExportRow | null
  token: string | null
}

/**
 * Begins an export of all that the viewer has here. While one is pending or its archive there, that one is answered. Throws
 * `rate_limited` when several have failed within a day, `suspended`.
 */
export async function requestExport(deps: Deps, viewer: Viewer): Promise<OwnExport> {
  const result = await deps.timed('db', () => insertExport(deps.db, viewer.id, deps.uuid()))
  switch (result.outcome) {
    case 'requested':
      deps.defer(deps.queues.sendOutbox(result.outbox))
      return withToken(deps, viewer, result.export)
    case 'rate_limited':
      throw new AppError('rate_limited', {
        detail: 'Several exports have failed within a day',
        retryAfterSeconds: result.retry_after_seconds,
      })
    default:
      throw new AppError(result.outcome)
  }
}

/** What became of the viewer's newest export. */
export async function readOwnExport(deps: Deps, viewer: Viewer): Promise<OwnExport> {
  return withToken(deps, viewer, await deps.timed('db', () => readExport(deps.db, viewer.id)))
}

async function withToken(deps: Deps, viewer: Viewer, row: ExportRow | null): Promise<OwnExport> {
  if (row?.expires_at_ms == null) return { row, token: null }
  const archive = { id: row.id, user_id: viewer.id }
  return { row, token: await signArchiveToken(deps.settings.accessKeys, archive, row.expires_at_ms) }
}
