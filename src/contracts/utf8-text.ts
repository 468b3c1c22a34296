import { Buffer } from 'node:buffer'

/**
 * Text as its UTF-8 bytes, a character for each. Such strings are joined, cut and sent as cheaply as ASCII, whatever script they hold,
 * and become an answer's body without being encoded; ASCII is its own.
 */
export type Utf8Text = string & { readonly __brand: 'Utf8Text' }

export function toUtf8(text: string): Utf8Text {
  return Buffer.from(text, 'utf8').toString('latin1') as Utf8Text
}

export function fromUtf8(text: Utf8Text): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

export function utf8Bytes(text: Utf8Text): Uint8Array<ArrayBuffer> {
  return Buffer.from(text, 'latin1')
}
