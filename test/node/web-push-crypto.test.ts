import { createECDH } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decryptPush, newReceiver, type Receiver } from './harness/web-push-crypto.ts'

const bytes = (base64url: string) => Buffer.from(base64url, 'base64url')

/** RFC 8291, section 5 and appendix A. */
const RFC = {
  plaintext: 'When I grow up, I want to be a watermelon',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  privateKey: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
  publicKey: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  body:
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl' +
    '7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
}

function receiverOfRfc(): Receiver {
  const keys = createECDH('prime256v1')
  keys.setPrivateKey(bytes(RFC.privateKey))
  return { keys, auth: bytes(RFC.auth) }
}

describe('the decryption that tests believe', () => {
  it('reads the example of RFC 8291', () => {
    const receiver = receiverOfRfc()
    expect(receiver.keys.getPublicKey('base64url')).toBe(RFC.publicKey)
    expect(decryptPush(bytes(RFC.body), receiver).toString()).toBe(RFC.plaintext)
  })

  it('reads nothing that was changed, or is for somebody else', () => {
    const body = bytes(RFC.body)
    for (const at of [0, 30, 90, body.length - 1]) {
      const changed = Buffer.from(body)
      changed.writeUInt8(body.readUInt8(at) ^ 1, at)
      expect(() => decryptPush(changed, receiverOfRfc())).toThrow()
    }
    expect(() => decryptPush(body, newReceiver())).toThrow()
    expect(() => decryptPush(body, { ...receiverOfRfc(), auth: newReceiver().auth })).toThrow()
  })
})
