import { randomUUID } from 'node:crypto'
import type { UserId } from '../../src/domain/ids.ts'
import { signingKeys } from '../../src/services/signing-keys.ts'
import { signAccessToken } from '../../src/services/tokens.ts'
import { BENCH_ACCESS_SECRET } from './runtime.ts'

export interface Account {
  id: UserId
  username: string
}

export interface SignedIn extends Account {
  headers: { authorization: string }
}

/** The account with a token, good for 15 minutes. */
export async function signIn({ id, username }: Account): Promise<SignedIn> {
  const viewer = { id, username, sessionId: randomUUID(), role: 'user' as const }
  const token = await signAccessToken(signingKeys.parse(BENCH_ACCESS_SECRET), viewer, Date.now())
  return { id, username, headers: { authorization: `Bearer ${token}` } }
}

/** Fetches from the Worker as somebody, or throws with what it answered. */
export async function fetchAs(origin: string, account: SignedIn, path: string, init: RequestInit = {}) {
  const response = await fetch(`${origin}${path}`, {
    ...init,
    headers: { ...account.headers, 'content-type': 'application/json' },
  })
  const body = await response.text()
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${body}`)
  return body
}
