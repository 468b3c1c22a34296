import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMMON_PASSWORDS } from './common-passwords.ts'
import { checkPassword } from './passwords.ts'

const account = { username: 'Jane_Doe_77', email: 'jane.austen.1775@example.org' }
const reasonFor = (password: string) => {
  const result = checkPassword(password, account)
  return result.ok ? null : result.reason
}

describe('checkPassword', () => {
  it('takes a phrase, whatever it is made of', () => {
    for (const password of [
      'correct horse battery staple',
      'tr0ub4dor&3',
      'пароль-мой-длинный',
      '合言葉は秘密です',
      '😀🎉🏆🍕🚀🌈🐙🦄',
    ]) {
      expect(checkPassword(password, account)).toEqual({ ok: true })
    }
  })

  it('takes 8 to 256 code points', () => {
    expect(reasonFor('x7#kQ2p')).toBe('too_short')
    expect(reasonFor('x7#kQ2p!')).toBe(null)
    expect(reasonFor('ab'.repeat(128))).toBe(null)
    expect(reasonFor(`${'ab'.repeat(128)}c`)).toBe('too_long')
    expect(reasonFor('😀🎉🏆🍕')).toBe('too_short')
    expect(reasonFor('😀🎉'.repeat(128))).toBe(null)
  })

  it.each([
    'password',
    '12345678',
    'qwertyuiop',
    'iloveyou',
    'P@ssw0rd',
    'PASSWORD1',
    'ｐａｓｓｗｏｒｄ',
    '1q2w3e4r5t',
  ])('refuses the common %s', (password) => {
    expect(reasonFor(password)).toBe('too_common')
  })

  it('refuses one character repeated', () => {
    expect(reasonFor('zzzzzzzzzzzzzzz')).toBe('too_common')
    expect(reasonFor('😀'.repeat(9))).toBe('too_common')
  })

  it.each([
    'jane_doe_77',
    'JANE_DOE_77',
    'Jane.Austen.1775@example.org',
    'jane.austen.1775',
    'ｊａｎｅ_doe_77',
  ])("refuses the account's own %s", (password) => {
    expect(reasonFor(password)).toBe('same_as_account')
  })

  it('takes one that only contains the name', () => {
    expect(reasonFor('jane_doe_77 and her sister')).toBe(null)
  })

  it('judges any string, at once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (password) => {
        expect(typeof checkPassword(password, account).ok).toBe('boolean')
      }),
    )
    expect(reasonFor('\u0301\u0316'.repeat(500_000))).toBe('too_long')
  })
})

describe('COMMON_PASSWORDS', () => {
  it('holds a thousand and more, in lower case and of a length that could be chosen', () => {
    expect(COMMON_PASSWORDS.size).toBeGreaterThan(1_000)
    for (const password of COMMON_PASSWORDS) {
      expect(password.length).toBeGreaterThanOrEqual(8)
      expect(password).toBe(password.normalize('NFKC').toLowerCase())
    }
  })
})
