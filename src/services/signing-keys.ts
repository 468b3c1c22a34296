import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { SigningKey } from './settings.ts'

const SECRET_LENGTH_MIN = 32

/** `secret`, or `kid=secret,kid=secret` with the signing key first. */
export const signingKeys = z.string().transform((text, context): SigningKey[] => {
  const keys = text.split(',').map((part) => {
    const [, kid, secret] = /^([\w-]{1,32})=(.+)$/.exec(part.trim()) ?? []
    return kid !== undefined && secret !== undefined ? { kid, secret } : unnamed(part.trim())
  })
  if (keys.some(({ secret }) => secret.length < SECRET_LENGTH_MIN)) {
    context.addIssue(`each secret must have at least ${SECRET_LENGTH_MIN} characters`)
    return z.NEVER
  }
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) {
    context.addIssue('each secret must have a name of its own')
    return z.NEVER
  }
  const encoder = new TextEncoder()
  return keys.map(({ kid, secret }) => ({ kid, secret: encoder.encode(secret) }))
})

/** Named after what it is and not where it stands: what it signed stays good when another is put before it. */
function unnamed(secret: string): { kid: string; secret: string } {
  return { kid: createHash('sha256').update(secret).digest('base64url').slice(0, 8), secret }
}
