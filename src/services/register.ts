import { brokenConstraint } from '../db/client.ts'
import { type AccountRow, insertAccount, type NewAccount } from '../db/statements/accounts.ts'
import type { OwnProfileRow } from '../db/statements/profile-columns.ts'
import type { NewSession } from '../db/statements/sessions.ts'
import { AppError } from '../domain/errors.ts'
import { newUserId } from '../domain/ids.ts'
import type { Deps } from './deps.ts'
import { issueTokens, startSession, type TokenPair } from './issue-tokens.ts'
import { requireStrongPassword } from './require-strong-password.ts'

/** Two registrations of one millisecond have the same id with probability 1/4096. */
const ID_TRIES = 3

export interface Registration {
  username: string
  email: string
  displayName: string
  password: string
  userAgent: string
}

export interface SignedIn {
  user: OwnProfileRow
  tokens: TokenPair
}

/** Opens an account and signs in. Throws `validation_failed`, `username_taken` or `email_taken`. */
export async function register(deps: Deps, input: Registration): Promise<SignedIn> {
  const { username, email, displayName, password } = input
  requireStrongPassword('password', password, { username, email })
  const passwordHash = await deps.timed('password', () => deps.passwords.hash(password))
  const { session, tokenId } = await startSession(deps, input.userAgent)
  const { outbox, ...user } = await deps.timed('db', () =>
    insertWithNewId(deps, { username, email, displayName, passwordHash }, session),
  )
  deps.defer(deps.queues.sendOutbox(outbox))
  const viewer = { id: user.id, username: user.username, sessionId: session.id, role: user.role }
  return { user, tokens: await issueTokens(deps, viewer, tokenId, user.expires_at_ms) }
}

async function insertWithNewId(
  deps: Deps,
  account: Omit<NewAccount, 'id'>,
  session: NewSession,
): Promise<AccountRow> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await insertAccount(deps.db, { ...account, id: newUserId(deps.now(), deps.random) }, session)
    } catch (error) {
      const constraint = brokenConstraint(error)
      if (constraint === 'users_username_unique') throw new AppError('username_taken', { cause: error })
      if (constraint === 'users_email_unique') throw new AppError('email_taken', { cause: error })
      if (constraint !== 'users_pkey' || attempt === ID_TRIES) throw error
    }
  }
}
