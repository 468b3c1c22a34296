import { createDecipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from 'node:crypto'

/** A browser's side of Web Push, written from RFC 8291 and RFC 8188 and knowing nothing of who encrypts. */
export interface Receiver {
  keys: ECDH
  auth: Buffer
}

const SALT_BYTES = 16
const TAG_BYTES = 16
/** Salt, record size, length of the key id: RFC 8188, section 2.1. */
const HEADER_BYTES = SALT_BYTES + 4 + 1
/** What every push service takes: RFC 8030, section 7.2. */
const BODY_BYTES_MAX = 4096
const LAST_RECORD = 2

export function newReceiver(): Receiver {
  const keys = createECDH('prime256v1')
  keys.generateKeys()
  return { keys, auth: randomBytes(16) }
}

/** What is within the body of a push, of which there is one record. Throws when it is not for this receiver, or not whole. */
export function decryptPush(body: Buffer, { keys, auth }: Receiver): Buffer {
  if (body.length > BODY_BYTES_MAX) throw new Error(`The body has ${body.length} bytes`)
  const salt = body.subarray(0, SALT_BYTES)
  const recordSize = body.readUInt32BE(SALT_BYTES)
  const keyEnd = HEADER_BYTES + body.readUInt8(HEADER_BYTES - 1)
  const senderKey = body.subarray(HEADER_BYTES, keyEnd)
  const record = body.subarray(keyEnd)
  if (record.length > recordSize)
    throw new Error(`The record has ${record.length} bytes, not at most ${recordSize}`)

  // RFC 8291, section 3.4.
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.getPublicKey(), senderKey])
  const secret = derive(keys.computeSecret(senderKey), auth, info, 32)
  const key = derive(secret, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
  const nonce = derive(secret, salt, Buffer.from('Content-Encoding: nonce\0'), 12)

  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(record.subarray(-TAG_BYTES))
  return withoutPadding(Buffer.concat([decipher.update(record.subarray(0, -TAG_BYTES)), decipher.final()]))
}

function derive(secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, length))
}

/** A delimiter and zeros: RFC 8188, section 2. */
function withoutPadding(padded: Buffer): Buffer {
  const end = padded.findLastIndex((byte) => byte !== 0)
  if (padded[end] !== LAST_RECORD) throw new Error('The padding is not that of a last record')
  return padded.subarray(0, end)
}
