import { Buffer } from 'node:buffer'
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { ArchiveRef } from '../db/statements/exports.ts'
import { isId, type UserId } from '../domain/ids.ts'
import { ACCESS_TOKEN_TTL_SECONDS, REFRESH_TOKEN_TTL_SECONDS } from '../domain/sessions.ts'
import type { Viewer } from './deps.ts'
import type { SigningKey } from './settings.ts'

const ALGORITHM = 'HS256'
const ISSUER = 'warbler'
const ACCESS_AUDIENCE = 'warbler-api'
const REFRESH_AUDIENCE = 'warbler-refresh'
const ARCHIVE_AUDIENCE = 'warbler-archive'

const subject = z
  .string()
  .regex(/^[1-9]\d{0,15}$/)
  .transform(Number)
  .refine(isId)
  .transform((id) => id as UserId)

const accessClaims = z
  .object({
    sub: subject,
    userId: z.number(),
    username: z.string(),
    sid: z.uuid(),
    role: z.enum(['user', 'moderator', 'admin']),
    exp: z.number(),
  })
  .refine(({ sub, userId }) => sub === userId)

const refreshClaims = z.object({ sub: subject, sid: z.uuid(), jti: z.string() })
const archiveClaims = z.object({ sub: subject, jti: z.uuid() })

/** An access token for the viewer, signed with the first of the keys, good for 15 minutes. */
export function signAccessToken(keys: readonly SigningKey[], viewer: Viewer, nowMs: number): Promise<string> {
  const issuedAtSeconds = Math.floor(nowMs / 1000)
  return sign(keys, {
    iss: ISSUER,
    aud: ACCESS_AUDIENCE,
    sub: String(viewer.id),
    userId: viewer.id,
    username: viewer.username,
    sid: viewer.sessionId,
    role: viewer.role,
    iat: issuedAtSeconds,
    exp: issuedAtSeconds + ACCESS_TOKEN_TTL_SECONDS,
  })
}

export type AccessVerdict =
  | { ok: true; viewer: Viewer; expiresAtMs: number }
  | { ok: false; code: 'unauthenticated' | 'token_expired' }

/** Whose access token it is: signed by one of the keys, for this API, and not expired. */
export async function verifyAccessToken(
  keys: readonly SigningKey[],
  token: string,
  nowMs: number,
): Promise<AccessVerdict> {
  const verified = await verify(keys, token, nowMs, ACCESS_AUDIENCE)
  if (!verified.ok) return { ok: false, code: verified.isExpired ? 'token_expired' : 'unauthenticated' }
  const claims = accessClaims.safeParse(verified.payload)
  if (!claims.success) return { ok: false, code: 'unauthenticated' }
  const { sub, username, sid, role, exp } = claims.data
  return { ok: true, viewer: { id: sub, username, sessionId: sid, role }, expiresAtMs: exp * 1000 }
}

export interface RefreshToken {
  userId: UserId
  sessionId: string
  /** What tells one token of a session from the others. Stored only as its hash. */
  tokenId: string
}

/**
 * A refresh token, signed with the first of the keys. It is a function of its arguments, so that two who
 * refresh at once get the same one.
 */
export function signRefreshToken(
  keys: readonly SigningKey[],
  token: RefreshToken,
  expiresAtMs: number,
): Promise<string> {
  const expiresAtSeconds = Math.floor(expiresAtMs / 1000)
  return sign(keys, {
    iss: ISSUER,
    aud: REFRESH_AUDIENCE,
    sub: String(token.userId),
    sid: token.sessionId,
    jti: token.tokenId,
    iat: expiresAtSeconds - REFRESH_TOKEN_TTL_SECONDS,
    exp: expiresAtSeconds,
  })
}

/**
 * What a refresh token names, with the id of the token that is to replace it; null when it is not one of ours
 * or has expired. Whether its session lives only the database knows.
 */
export async function verifyRefreshToken(
  keys: readonly SigningKey[],
  token: string,
  nowMs: number,
): Promise<(RefreshToken & { successorId: string }) | null> {
  const verified = await verify(keys, token, nowMs, REFRESH_AUDIENCE)
  if (!verified.ok) return null
  const claims = refreshClaims.safeParse(verified.payload)
  if (!claims.success) return null
  const { sub, sid, jti } = claims.data
  const successorId = await successorOf(verified.key, jti)
  return { userId: sub, sessionId: sid, tokenId: jti, successorId }
}

/**
 * What lets whoever has it download one archive until it expires, and nothing else. A function of its arguments: a link is
 * the same each time it is shown.
 */
export function signArchiveToken(
  keys: readonly SigningKey[],
  archive: ArchiveRef,
  expiresAtMs: number,
): Promise<string> {
  return sign(keys, {
    iss: ISSUER,
    aud: ARCHIVE_AUDIENCE,
    sub: String(archive.user_id),
    jti: archive.id,
    exp: Math.floor(expiresAtMs / 1000),
  })
}

/** Which archive a token is for; null when it is not one of ours or has expired. */
export async function verifyArchiveToken(
  keys: readonly SigningKey[],
  token: string,
  nowMs: number,
): Promise<ArchiveRef | null> {
  const verified = await verify(keys, token, nowMs, ARCHIVE_AUDIENCE)
  if (!verified.ok) return null
  const claims = archiveClaims.safeParse(verified.payload)
  return claims.success ? { id: claims.data.jti, user_id: claims.data.sub } : null
}

/** The hash under which a refresh token's id is stored: hexadecimal SHA-256. */
export async function hashTokenId(tokenId: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(tokenId))
  return Buffer.from(digest).toString('hex')
}

/**
 * The id of the token that replaces another. Derived and not drawn, so that all who refresh with one token
 * within the grace come to the same successor though the database keeps only hashes. Nobody without the key
 * can tell it. The key is the one that signed the token: it is the same whichever key signs today.
 */
async function successorOf(key: SigningKey, tokenId: string): Promise<string> {
  const message = new TextEncoder().encode(`successor:${tokenId}`)
  return Buffer.from(await crypto.subtle.sign('HMAC', await importedKey(key), message)).toString('base64url')
}

async function sign(keys: readonly SigningKey[], claims: JWTPayload): Promise<string> {
  const [key] = keys
  if (key === undefined) throw new Error('There is no key to sign with')
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: key.kid })
    .sign(await importedKey(key))
}

type Verified = { ok: true; payload: JWTPayload; key: SigningKey } | { ok: false; isExpired: boolean }

async function verify(
  keys: readonly SigningKey[],
  token: string,
  nowMs: number,
  audience: string,
): Promise<Verified> {
  const options: JWTVerifyOptions = {
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience,
    currentDate: new Date(nowMs),
    requiredClaims: ['sub', 'exp'],
  }
  try {
    const { payload, protectedHeader } = await jwtVerify(
      token,
      ({ kid }) => importedKey(keyNamed(keys, kid)),
      options,
    )
    return { ok: true, payload, key: keyNamed(keys, protectedHeader.kid) }
  } catch (error) {
    if (error instanceof errors.JOSEError) return { ok: false, isExpired: error instanceof errors.JWTExpired }
    throw error
  }
}

function keyNamed(keys: readonly SigningKey[], kid: string | undefined): SigningKey {
  const key = keys.find((candidate) => candidate.kid === kid)
  if (key === undefined) throw new errors.JWKSNoMatchingKey()
  return key
}

const imported = new WeakMap<SigningKey, CryptoKey>()

async function importedKey(key: SigningKey): Promise<CryptoKey> {
  const known = imported.get(key)
  if (known !== undefined) return known
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const made = await crypto.subtle.importKey('raw', Uint8Array.from(key.secret), algorithm, false, [
    'sign',
    'verify',
  ])
  imported.set(key, made)
  return made
}
