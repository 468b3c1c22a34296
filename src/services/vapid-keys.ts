import { Buffer } from 'node:buffer'
import { createECDH } from 'node:crypto'

/** Both in base64url, the public key as an uncompressed point. */
export interface VapidKeys {
  publicKey: string
  privateKey: string
}

/** Whether the private key is the public key's: what another signs, no push service would take. */
export function areKeyPair({ publicKey, privateKey }: VapidKeys): boolean {
  const ecdh = createECDH('prime256v1')
  try {
    ecdh.setPrivateKey(Buffer.from(privateKey, 'base64url'))
  } catch {
    return false
  }
  return ecdh.getPublicKey().equals(Buffer.from(publicKey, 'base64url'))
}

/** The private key as WebCrypto imports it. */
export function toJwk({ publicKey, privateKey }: VapidKeys): JsonWebKey {
  const point = Buffer.from(publicKey, 'base64url')
  const coordinate = (from: number) => point.subarray(from, from + 32).toString('base64url')
  return { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33), d: privateKey }
}
