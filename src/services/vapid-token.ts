import { SignJWT } from 'jose'
import { TtlCache } from '../views/ttl-cache.ts'
import type { Deps } from './deps.ts'
import type { PushSettings } from './settings.ts'
import { toJwk } from './vapid-keys.ts'

/** RFC 8292 allows a day. */
const TOKEN_TTL_SECONDS = 12 * 3600
/** A token says the same of every message to one push service. Shown for so long, it is good for hours more. */
const REUSED_MS = 3_600_000
const ORIGINS_REMEMBERED = 1_000

interface Signer {
  key: Promise<CryptoKey>
  tokens: TtlCache<string, Promise<string>>
}

/** For the lifetime of the isolate. */
const signers = new WeakMap<PushSettings, Signer>()

/** The `Authorization` by which a push service (its origin) knows that we are who its subscribers subscribed to: RFC 8292. */
export async function vapidAuthorization(
  { now }: Pick<Deps, 'now'>,
  push: PushSettings,
  origin: string,
): Promise<string> {
  const { key, tokens } = signerOf(push)
  const nowMs = now()
  const known = tokens.get(origin, nowMs)
  const token = known ?? sign(key, push, origin, nowMs)
  if (known === null) tokens.set(origin, token, nowMs)
  return `vapid t=${await token}, k=${push.keys.publicKey}`
}

async function sign(
  key: Promise<CryptoKey>,
  { subject }: PushSettings,
  origin: string,
  nowMs: number,
): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
    .setAudience(origin)
    .setSubject(subject)
    .setExpirationTime(Math.floor(nowMs / 1000) + TOKEN_TTL_SECONDS)
    .sign(await key)
}

function signerOf(push: PushSettings): Signer {
  const known = signers.get(push)
  if (known !== undefined) return known
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const made: Signer = {
    key: crypto.subtle.importKey('jwk', toJwk(push.keys), algorithm, false, ['sign']),
    tokens: new TtlCache(REUSED_MS, ORIGINS_REMEMBERED),
  }
  signers.set(push, made)
  return made
}
