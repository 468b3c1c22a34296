import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import type { SigningKey } from './settings.ts'
import { verifyAccessToken } from './tokens.ts'
import { VerifiedTokens } from './verified-tokens.ts'

const TOKENS_REMEMBERED = 10_000
/** Ours have about 450 characters. */
const TOKEN_LENGTH_MAX = 2_048

/** For the lifetime of the isolate. Of each set of keys, because a token is good only under its own. */
const remembered = new WeakMap<readonly SigningKey[], VerifiedTokens>()

/**
 * Who shows this access token. Verified once an isolate and then remembered until it expires: verifying costs
 * a third of a warm home timeline. Throws `unauthenticated` or `token_expired`.
 */
export async function authenticateViewer(
  deps: Pick<Deps, 'settings' | 'now'>,
  token: string,
): Promise<Viewer> {
  if (token.length > TOKEN_LENGTH_MAX) throw new AppError('unauthenticated')
  const keys = deps.settings.accessKeys
  const tokens = rememberedUnder(keys)
  const known = tokens.get(token, deps.now())
  if (known !== null) return known
  const verdict = await verifyAccessToken(keys, token, deps.now())
  if (!verdict.ok) throw new AppError(verdict.code)
  tokens.remember(token, verdict.viewer, verdict.expiresAtMs)
  return verdict.viewer
}

function rememberedUnder(keys: readonly SigningKey[]): VerifiedTokens {
  const known = remembered.get(keys)
  if (known !== undefined) return known
  const made = new VerifiedTokens(TOKENS_REMEMBERED)
  remembered.set(keys, made)
  return made
}
