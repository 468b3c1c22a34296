import type { DataExport } from '../contracts/http/exports.ts'
import type { ExportRow } from '../db/statements/exports.ts'

/** An export as its owner sees it; `url` is where its archive is downloaded, null while there is none. */
export function presentExport(row: ExportRow | null, url: string | null): DataExport {
  if (row === null) return { state: 'none', requested_at: null, expires_at: null, bytes: null, url: null }
  const { state, requested_at_ms, expires_at_ms, bytes } = row
  return {
    state,
    requested_at: new Date(requested_at_ms).toISOString(),
    expires_at: expires_at_ms === null ? null : new Date(expires_at_ms).toISOString(),
    bytes,
    url,
  }
}
