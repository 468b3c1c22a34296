import { readArchiveBytes } from '../db/statements/exports.ts'
import { type ByteRange, parseByteRange } from '../domain/byte-range.ts'
import { AppError } from '../domain/errors.ts'
import { archiveKey } from './archive-keys.ts'
import type { Deps } from './deps.ts'
import { verifyArchiveToken } from './tokens.ts'

const RETRY_SECONDS = 5

export interface Download {
  /** Of the archive, to tell it from the next one. */
  id: string
  body: ReadableStream
  /** Of all of it. */
  bytes: number
  /** Which part of it `body` is; null for all. */
  range: ByteRange | null
}

/**
 * The archive that a link is for, or what a `Range` header asks for of it. Throws `archive_not_found` for what is no link of
 * ours, once it has expired or is gone, and while its owner is deactivated or suspended; `unavailable` when the store
 * cannot be asked.
 */
export async function downloadArchive(
  deps: Deps,
  token: string,
  rangeHeader: string | undefined,
): Promise<Download> {
  const archive = await verifyArchiveToken(deps.settings.accessKeys, token, deps.now())
  if (archive === null) throw new AppError('archive_not_found')
  const bytes = await deps.timed('db', () => readArchiveBytes(deps.db, archive))
  if (bytes === null) throw new AppError('archive_not_found')
  const range = parseByteRange(rangeHeader, bytes)
  const body = await read(deps, archiveKey(archive), range)
  if (body === null) throw new AppError('archive_not_found')
  return { id: archive.id, body, bytes, range }
}

async function read(deps: Deps, key: string, range: ByteRange | null): Promise<ReadableStream | null> {
  try {
    return await deps.archives.read(key, range)
  } catch (cause) {
    throw new AppError('unavailable', { retryAfterSeconds: RETRY_SECONDS, cause })
  }
}
