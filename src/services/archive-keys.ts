import type { ArchiveRef } from '../db/statements/exports.ts'
import type { UserId } from '../domain/ids.ts'

/** Under which all archives of a user lie. */
export function archivesOf(user: UserId): string {
  return `exports/${user}/`
}

/** Of one attempt: no two writers ever share a key. */
export function archiveKey({ id, user_id }: ArchiveRef): string {
  return `${archivesOf(user_id)}${id}.zip`
}
