import type { NewSession } from '../db/statements/sessions.ts'
import { USER_AGENT_LENGTH_MAX } from '../domain/sessions.ts'
import type { Deps, Viewer } from './deps.ts'
import { hashTokenId, signAccessToken, signRefreshToken } from './tokens.ts'

export interface TokenPair {
  accessToken: string
  refreshToken: string
}

/** A session that is yet to be stored, and the id of its first refresh token, of which only the hash is. */
export async function startSession(
  deps: Deps,
  userAgent: string,
): Promise<{ session: NewSession; tokenId: string }> {
  const tokenId = deps.uuid()
  const session = {
    id: deps.uuid(),
    tokenHash: await hashTokenId(tokenId),
    userAgent: userAgent.slice(0, USER_AGENT_LENGTH_MAX).toWellFormed(),
  }
  return { session, tokenId }
}

/** The tokens of a session whose current refresh token has this id. */
export async function issueTokens(
  deps: Deps,
  viewer: Viewer,
  tokenId: string,
  expiresAtMs: number,
): Promise<TokenPair> {
  const { accessKeys, refreshKeys } = deps.settings
  const refresh = { userId: viewer.id, sessionId: viewer.sessionId, tokenId }
  const [accessToken, refreshToken] = await Promise.all([
    signAccessToken(accessKeys, viewer, deps.now()),
    signRefreshToken(refreshKeys, refresh, expiresAtMs),
  ])
  return { accessToken, refreshToken }
}
