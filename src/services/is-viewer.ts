import type { UserRef } from '../contracts/http/common.ts'
import { foldUsername } from '../domain/tweet-text.ts'
import type { Viewer } from './deps.ts'

/** Whether that is the viewer. A username never changes, so the token's is theirs. */
export function isViewer(viewer: Viewer | null, user: UserRef): boolean {
  if (viewer === null) return false
  return 'id' in user ? user.id === viewer.id : foldUsername(user.username) === foldUsername(viewer.username)
}
