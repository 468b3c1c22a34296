import { generateKeyPairSync } from 'node:crypto'

/** The keys by which push services know who pushes, as the Worker's secrets. */
export interface VapidSecrets {
  /** An uncompressed point of P-256 in base64url, as browsers take it. */
  VAPID_PUBLIC_KEY: string
  VAPID_PRIVATE_KEY: string
}

export function newVapidSecrets(): VapidSecrets {
  const {
    d = '',
    x = '',
    y = '',
  } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  })
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  return { VAPID_PUBLIC_KEY: Buffer.concat(point).toString('base64url'), VAPID_PRIVATE_KEY: d }
}
