import { type CredentialsRow, findCredentials, replacePasswordHash } from '../db/statements/accounts.ts'
import { insertSession } from '../db/statements/sessions.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps } from './deps.ts'
import { issueTokens, startSession } from './issue-tokens.ts'
import type { SignedIn } from './register.ts'

export interface Credentials {
  account: { username: string } | { email: string }
  password: string
  userAgent: string
}

/**
 * Verified in place of an account's hash when there is none, so that a wrong name takes as long as a wrong
 * password. Made of random bytes with the parameters of today: no password is known to match it.
 */
export const NOBODYS_PASSWORD_HASH =
  '$scrypt$ln=14,r=8,p=5$qD6PIy0kD5jpGqUoE41e9A$6M54d18oIZ3UAOsUJKYNjU_dEClniG6tHw2W-LRDP3w'

/**
 * The hash was replaced by newer parameters while the password was verified, or the account became active again: it is
 * verified once more.
 */
const TRIES = 2

/**
 * Signs in, which makes an account active again that its owner had deactivated and that is not being erased yet. Throws
 * `invalid_credentials`, for a wrong name, a wrong password and an account that is gone alike; `suspended` only to who knows
 * the password.
 */
export async function login(deps: Deps, input: Credentials): Promise<SignedIn> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const user = await verifiedAccount(deps, input)
    const { session, tokenId } = await startSession(deps, input.userAgent)
    const started = await deps.timed('db', () => insertSession(deps.db, user.id, user.password_hash, session))
    if (started === null) continue
    deps.defer(deps.queues.sendOutbox(started.outbox))
    const viewer = { id: user.id, username: user.username, sessionId: session.id, role: user.role }
    return { user, tokens: await issueTokens(deps, viewer, tokenId, started.expires_at_ms) }
  }
  throw new AppError('invalid_credentials')
}

async function verifiedAccount(deps: Deps, { account, password }: Credentials): Promise<CredentialsRow> {
  const user = await deps.timed('db', () => findCredentials(deps.db, account))
  const { matches, outdated } = await deps.timed('password', () =>
    deps.passwords.verify(password, user?.password_hash ?? NOBODYS_PASSWORD_HASH),
  )
  if (user === null || !matches) throw new AppError('invalid_credentials')
  if (!user.is_active && !user.is_deactivated) throw new AppError('invalid_credentials')
  if (user.is_suspended) throw new AppError('suspended')
  if (outdated) deps.defer(rehash(deps, user, password))
  return user
}

async function rehash(deps: Deps, user: CredentialsRow, password: string): Promise<void> {
  const hash = await deps.passwords.hash(password)
  await replacePasswordHash(deps.db, user.id, user.password_hash, hash)
}
