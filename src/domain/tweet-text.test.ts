import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkContent,
  codePointLength,
  extractEntities,
  foldEmail,
  foldTag,
  foldUsername,
  isBlank,
  MAX_CONTENT_LENGTH,
  normalizeContent,
  uniqueMentions,
  uniqueTags,
} from './tweet-text.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 300 })
const anyUtf16 = fc.array(fc.nat(0xffff), { maxLength: 300 }).map((units) => String.fromCharCode(...units))

describe('normalizeContent', () => {
  it('composes accents', () => {
    expect(normalizeContent('cafe\u0301')).toBe('café')
    expect(normalizeContent('\u1112\u1161\u11ab')).toBe('한')
  })

  it('ends lines with LF, whatever system they come from', () => {
    expect(normalizeContent('one\r\ntwo\rthree\nfour')).toBe('one\ntwo\nthree\nfour')
  })

  it('takes out control characters but newline and tab', () => {
    expect(normalizeContent('a\0b\u0007c\u007fd\u0085e\tf\ng')).toBe('abcde\tf\ng')
  })

  it('marks where half an emoji was lost', () => {
    expect(normalizeContent('hi \ud83d')).toBe('hi \ufffd')
    expect(normalizeContent('\ude00 hi')).toBe('\ufffd hi')
    expect(normalizeContent('😀')).toBe('😀')
  })

  it('trims every kind of white space', () => {
    expect(normalizeContent('\u3000\u00a0\n hello \t\u2003\ufeff')).toBe('hello')
  })

  it('composes what a control character held apart', () => {
    expect(normalizeContent('e\u0000\u0301')).toBe('é')
  })

  it('cuts a letter piled with marks at 30', () => {
    expect(codePointLength(normalizeContent(`x${'\u0316'.repeat(500)}`))).toBe(31)
    // U+0344 is two marks in NFC.
    expect(codePointLength(normalizeContent(`x${'\u0344'.repeat(30)}`))).toBe(31)
  })

  it('keeps the joiners of Persian and of emoji families', () => {
    expect(normalizeContent('می‌خواهم 👨‍👩‍👧')).toBe('می‌خواهم 👨‍👩‍👧')
  })

  it('can be stored by Postgres and is stable, for any string', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, anyUtf16), (raw) => {
        const content = normalizeContent(raw)
        expect(content).not.toMatch(/\0|\r/)
        expect(content.isWellFormed()).toBe(true)
        expect(content.trim()).toBe(content)
        expect(content.normalize('NFC')).toBe(content)
        expect(normalizeContent(content)).toBe(content)
      }),
    )
  })
})

describe('codePointLength', () => {
  it('counts an emoji outside the BMP as one, a composed family as its parts', () => {
    expect(codePointLength('a😀b')).toBe(3)
    expect(codePointLength('👨‍👩‍👧')).toBe(5)
    expect(codePointLength('')).toBe(0)
  })
})

describe('isBlank', () => {
  it.each([
    ['nothing', ''],
    ['spaces and lines', ' \t\n\u00a0\u2003\u3000\u2028'],
    ['zero-width spaces and joiners', '\u200b\u200c\u200d\u2060\ufeff'],
    ['bidi marks', '\u200e\u200f\u061c\u202e\u2067\u2069'],
    ['variation selectors', '\ufe0f\ufe0e\u{e0100}'],
    ['tag characters', '\u{e0020}\u{e007f}'],
    ['soft hyphens and grapheme joiners', '\u00ad\u034f'],
    ['Hangul fillers', '\u115f\u1160\u3164\uffa0'],
    ['the empty Braille pattern', '\u2800'],
    ['marks without a letter', '\u0301\u0489\u20e3'],
    ['a Mongolian vowel separator', '\u180e'],
  ])('takes %s for blank', (_, text) => {
    expect(isBlank(text)).toBe(true)
    expect(isBlank(`${text}.`)).toBe(false)
  })

  it.each(['.', '0', 'あ', '한', 'ก', 'ا', '❤️', '🏳️‍🌈', '⠁', '\u0600', '\ufffd', '🇫', 'e\u0301'])(
    'sees %s',
    (text) => {
      expect(isBlank(text)).toBe(false)
    },
  )
})

describe('checkContent', () => {
  it('takes 280 code points and refuses 281', () => {
    expect(checkContent('😀'.repeat(280), { mayBeBlank: false })).toEqual({
      ok: true,
      content: '😀'.repeat(280),
    })
    expect(checkContent('a'.repeat(281), { mayBeBlank: false })).toEqual({
      ok: false,
      reason: 'too_long',
      length: 281,
    })
  })

  it('counts after normalizing', () => {
    const decomposed = `  ${'e\u0301'.repeat(280)}\r\n`
    expect(checkContent(decomposed, { mayBeBlank: false })).toEqual({ ok: true, content: 'é'.repeat(280) })
    // U+0958 is two code points in NFC.
    expect(checkContent('\u0958'.repeat(141), { mayBeBlank: false })).toMatchObject({
      reason: 'too_long',
      length: 282,
    })
  })

  it('refuses a blank text unless something else is there to see', () => {
    expect(checkContent(' \u200b\n', { mayBeBlank: false })).toEqual({
      ok: false,
      reason: 'blank',
      length: 1,
    })
    expect(checkContent(' \n', { mayBeBlank: true })).toEqual({ ok: true, content: '' })
  })

  it('refuses a long text even where it may be blank', () => {
    expect(checkContent('\u200b'.repeat(281), { mayBeBlank: true })).toMatchObject({
      ok: false,
      reason: 'too_long',
    })
  })

  it('lets through only what the database takes, for any string', () => {
    fc.assert(
      fc.property(anyUtf16, fc.boolean(), (raw, mayBeBlank) => {
        const result = checkContent(raw, { mayBeBlank })
        if (!result.ok) return
        expect(codePointLength(result.content)).toBeLessThanOrEqual(MAX_CONTENT_LENGTH)
        expect(checkContent(result.content, { mayBeBlank })).toEqual(result)
      }),
    )
  })
})

describe('foldTag', () => {
  it.each([
    ['TypeScript', 'typescript'],
    ['CAFE\u0301', 'café'],
    ['ｈａｓｈｔａｇ１２３', 'hashtag123'],
    ['ｻｯｶｰ', 'サッカー'],
    ['か゛', 'が'],
    ['メ～テレ', 'メ〜テレ'],
    ['МОСКВА', 'москва'],
    ['葛\u{e0100}城', '葛城'],
    ['li\u200cke', 'like'],
    ['ﷺ', 'صلىاللهعليهوسلم'],
  ])('folds %s to %s', (tag, key) => {
    expect(foldTag(tag)).toBe(key)
  })

  it('keeps the joiners that spell Persian and Sinhala words', () => {
    expect(foldTag('می‌خواهم')).toBe('می‌خواهم')
    expect(foldTag('ශ්‍රීලංකා')).toBe('ශ්‍රීලංකා')
  })

  it('follows no locale: Turkish dotted and dotless i and the German sharp s keep apart', () => {
    expect(foldTag('İ')).toBe('i\u0307')
    expect(foldTag('I')).toBe('i')
    expect(foldTag('ı')).toBe('ı')
    expect(foldTag('STRAẞE')).toBe('straße')
    expect(foldTag('straße')).not.toBe(foldTag('strasse'))
  })

  it('keeps accents apart', () => {
    expect(foldTag('résumé')).not.toBe(foldTag('resume'))
  })

  it('is idempotent, for any string', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, anyUtf16), (tag) => {
        expect(foldTag(foldTag(tag))).toBe(foldTag(tag))
      }),
    )
  })
})

describe('foldUsername and foldEmail', () => {
  it('make names that differ in case the same', () => {
    expect(foldUsername('Jane_Doe')).toBe('jane_doe')
    expect(foldEmail('Jane.Doe@Example.ORG')).toBe('jane.doe@example.org')
    expect(foldEmail('JOSE\u0301@example.org')).toBe('josé@example.org')
  })
})

describe('uniqueTags and uniqueMentions', () => {
  it('name each tag and person once, folded, in the order of the text', () => {
    const entities = extractEntities('#Two @Kim #one #TWO @lee ＃ｏｎｅ @KIM')
    expect(uniqueTags(entities)).toEqual(['two', 'one'])
    expect(uniqueMentions(entities)).toEqual(['kim', 'lee'])
  })

  it('stop at 30 tags and 50 mentions', () => {
    const many = Array.from({ length: 100 }, (_, i) => `#tag${i} @user${i}`).join(' ')
    expect(uniqueTags(extractEntities(many))).toHaveLength(30)
    expect(uniqueMentions(extractEntities(many))).toHaveLength(50)
  })

  it('give keys that fit the column of the database, for any text', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyText, fc.constantFrom('ﷺ', '#', 'ｶﾞ')), { maxLength: 40 }), (parts) => {
        for (const key of uniqueTags(extractEntities(`#${parts.join('')}`))) {
          expect(codePointLength(key)).toBeLessThanOrEqual(100)
          expect(key).toMatch(/\p{L}/u)
        }
      }),
    )
  })
})
