import { describe, expect, it } from 'vitest'
import { checkMessage, MESSAGE_LENGTH_MAX } from './message-text.ts'

describe('checkMessage', () => {
  it('takes 10,000 code points as they are counted once normalized', () => {
    for (const [raw, content] of [
      ['x'.repeat(MESSAGE_LENGTH_MAX), 'x'.repeat(MESSAGE_LENGTH_MAX)],
      ['🐦'.repeat(MESSAGE_LENGTH_MAX), '🐦'.repeat(MESSAGE_LENGTH_MAX)],
      ['e\u0301'.repeat(MESSAGE_LENGTH_MAX), 'é'.repeat(MESSAGE_LENGTH_MAX)],
      [` ${'x'.repeat(MESSAGE_LENGTH_MAX)}\r\n`, 'x'.repeat(MESSAGE_LENGTH_MAX)],
    ] as const) {
      expect(checkMessage(raw)).toEqual({ ok: true, content })
    }
  })

  it.each(['x', '🐦', 'e\u0301'])('refuses one more: %s', (letter) => {
    const length = MESSAGE_LENGTH_MAX + 1
    expect(checkMessage(letter.repeat(length))).toEqual({ ok: false, reason: 'too_long', length })
  })

  it.each(['', ' \n\t', '\0\u0007', '\u200b\u2060', '\u3164'])('refuses what nobody would see: %j', (raw) => {
    expect(checkMessage(raw)).toMatchObject({ ok: false, reason: 'blank' })
  })

  it('keeps lines and what is between them', () => {
    expect(checkMessage('one\r\n\r\ntwo\0')).toEqual({ ok: true, content: 'one\n\ntwo' })
  })
})
