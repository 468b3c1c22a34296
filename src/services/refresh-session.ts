import { rotateSession } from '../db/statements/sessions.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps } from './deps.ts'
import { issueTokens, type TokenPair } from './issue-tokens.ts'
import { hashTokenId, verifyRefreshToken } from './tokens.ts'

/**
 * A new pair of tokens for a refresh token, which it replaces. Two at once get the same pair; one that was
 * replaced longer ago was copied by somebody, and ends its session. Throws `invalid_refresh_token`, or
 * `suspended`.
 */
export async function refreshSession(deps: Deps, refreshToken: string): Promise<TokenPair> {
  const shown = await verifyRefreshToken(deps.settings.refreshKeys, refreshToken, deps.now())
  if (shown === null) throw new AppError('invalid_refresh_token')
  const { userId, sessionId, tokenId, successorId } = shown
  const [tokenHash, successorHash] = await Promise.all([hashTokenId(tokenId), hashTokenId(successorId)])
  const session = await deps.timed('db', () =>
    rotateSession(deps.db, { userId, sessionId, tokenHash, successorHash }),
  )
  if (session === null) throw new AppError('invalid_refresh_token')
  if (session.is_stolen) {
    deps.log.warn('refresh_token_reused', { user_id: userId, session_id: sessionId })
    deps.defer(deps.queues.sendOutbox(session.outbox))
    throw new AppError('invalid_refresh_token')
  }
  if (!session.is_active) throw new AppError('invalid_refresh_token')
  if (session.is_suspended) throw new AppError('suspended')
  const viewer = { id: userId, username: session.username, sessionId, role: session.role }
  return issueTokens(deps, viewer, successorId, session.expires_at_ms)
}
