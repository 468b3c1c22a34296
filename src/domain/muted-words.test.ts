import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldPhrase, mutedWordsMatcher } from './muted-words.ts'

const NOW_MS = Date.UTC(2026, 10, 1)

const matches = (phrase: string, text: string) =>
  mutedWordsMatcher([{ phrase, expiresAtMs: null }], NOW_MS)(text)

/** By language: a phrase, texts that hold it, and texts that do not. */
const LANGUAGES: Record<string, [phrase: string, held: string[], notHeld: string[]][]> = {
  English: [
    [
      'cat',
      [
        'Cat!',
        'a cat',
        '#cat',
        '@cat',
        'CAT',
        '(cat)',
        'cat-like',
        'https://cat.example/',
        '“cat”',
        'the cat’s',
      ],
      ['concatenate', 'cats', 'wildcat', 'cat_food', 'cat9', '#cats', '@catherine', 'c a t'],
    ],
    [
      'good morning',
      ['Good  morning!', 'good\nmorning', 'so good morning to you'],
      ['good, morning', 'goodmorning'],
    ],
    ["don't", ['I don’t', 'DON`T'], ['dont', 'don t']],
    ['c++', ['C++ is fine'], ['c+']],
    ['3.5', ['3.5 km'], ['13.5', '3.55', '3,5']],
  ],
  German: [['Straße', ['STRASSE', 'die straße', 'Straẞe'], ['Straßen', 'Hauptstraße', 'Strase']]],
  French: [
    ['avion', ['l’avion', "L'AVION"], ['avions']],
    ['été', ['ÉTÉ', 'e\u0301te\u0301'], ['ete', 'étés']],
  ],
  Turkish: [['ısı', ['ISI', 'ısı', 'Isı'], ['ısıl', 'ısıtıcı']]],
  Greek: [['ΟΔΟΣ', ['οδος', 'Οδοσ', 'η οδος.αβγ'], ['οδοσα']]],
  Russian: [['кот', ['Кот!', '#КОТ', 'мой кот'], ['кота', 'скот', 'который']]],
  Arabic: [['قطة', ['هذه قطة.', '#قطة', 'قطة', 'ق\u200fطة'], ['القطة', 'قِطّة']]],
  Persian: [['کتاب', ['کتاب خوب', '\u200cکتاب\u200c'], ['کتاب‌ها']]],
  Hebrew: [['צה"ל', ['צה״ל'], ['צהל']]],
  Hindi: [
    ['कुत्ता', ['एक कुत्ता।'], ['कुत्ते', 'कुत्त']],
    ['कुत्त', ['कुत्त'], ['कुत्ता', 'कुत्ते']],
  ],
  Vietnamese: [['mèo', ['con mèo', 'ME\u0300O'], ['meo', 'mẻo']]],
  Korean: [['고양이', ['고양이!', '우리 고양이', '고양이'.normalize('NFD')], ['고양이가', '들고양이']]],
  Chinese: [
    ['猫', ['我的猫很好', '#猫', '猫cat犬'], ['狗']],
    ['小 猫', ['小\n猫'], ['小猫']],
  ],
  Japanese: [
    ['ラーメン', ['東京でラーメンを食べた', 'ﾗｰﾒﾝ', 'らーめんとラーメン'], ['らーめん', 'ラメン']],
    ['cat', ['猫catが好き'], ['猫catsが好き']],
    ['は', ['これは'], ['は\u3099', 'ば']],
  ],
  Thai: [
    ['แมว', ['ฉันชอบแมวมาก', 'แมว'], ['แม่ว']],
    ['น', ['นก'], ['น้ำ']],
  ],
  Lao: [['ແມວ', ['ຂ້ອຍມັກແມວ'], ['ໝາ']]],
  Khmer: [['ឆ្មា', ['ខ្ញុំស្រលាញ់ឆ្មាណាស់'], ['ឆ្កែ']]],
  Burmese: [['ကြောင်', ['ငါ့ကြောင်လေး'], ['ခွေး']]],
}

describe.each(Object.entries(LANGUAGES))('a muted word in %s', (_language, cases) => {
  const all = cases.flatMap(([phrase, held, notHeld]) => [
    ...held.map((text) => [phrase, 'is in', text, true] as const),
    ...notHeld.map((text) => [phrase, 'is not in', text, false] as const),
  ])
  it.each(all)('%s %s %s', (phrase, _how, text, expected) => {
    expect(matches(phrase, text)).toBe(expected)
  })
})

describe('a hashtag or a mention', () => {
  it.each([
    ['#cat', '#CAT!', true],
    ['#cat', 'a ＃cat', true],
    ['#cat', 'cat', false],
    ['#cat', 'a#cat', false],
    ['#cat', '##cat', false],
    ['#cat', '&#cat', false],
    ['#cat', '#cats', false],
    ['#cat', '#cat_food', false],
    ['#猫', 'この #猫 が', true],
    ['#猫', '#猫カフェ', false],
    ['#猫', 'この#猫', false],
    ['@kim', 'Hi @Kim!', true],
    ['@kim', 'kim', false],
    ['@kim', '@kimberly', false],
    ['@kim', 'kim@kim.example', false],
    ['@kim', 'の@kim', true],
    ['c#', 'learn C# now', true],
    ['#cat is', '#cat is here', true],
  ])('%s in %s: %s', (phrase, text, expected) => {
    expect(matches(phrase, text)).toBe(expected)
  })
})

describe('an emoji', () => {
  it.each([
    ['👍', 'ok👍ok', true],
    ['👍', '👍👍', true],
    ['👍', '👍🏽', false],
    ['👍🏽', '👍', false],
    ['👍🏽', 'ok 👍🏽!', true],
    ['👩', '👩‍👩‍👧', false],
    ['👩‍👩‍👧', '👩‍👩‍👧👩', true],
    ['❤', '❤️', true],
    ['❤️', '❤', true],
    ['❤', '❤️‍🔥', false],
    ['🇩🇪', '🇫🇷🇩🇪', true],
    ['🇩🇪', '🇦🇩🇪🇸', false],
    ['🏴', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', false],
    ['🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'Go 🏴󠁧󠁢󠁥󠁮󠁧󠁿', true],
    ['1️⃣', '1️⃣2️⃣', true],
    ['1', '1️⃣', false],
  ])('%s in %s: %s', (phrase, text, expected) => {
    expect(matches(phrase, text)).toBe(expected)
  })
})

describe('what cannot be seen', () => {
  it('hides no word, and is none', () => {
    expect(matches('cat', 'a c\u200ba\u00adt\u2060!')).toBe(true)
    expect(matches('c\u200cat', 'a cat')).toBe(true)
    for (const nothing of ['', ' ', '\u200d', '\ufe0f\u2060', '\u{e0041}', '\0']) {
      expect(matches(nothing, nothing)).toBe(false)
      expect(matches(nothing, 'anything')).toBe(false)
    }
  })
})

describe('an expired word', () => {
  const words = [
    { phrase: 'cat', expiresAtMs: NOW_MS },
    { phrase: 'dog', expiresAtMs: NOW_MS + 10 },
    { phrase: 'fox', expiresAtMs: null },
  ]
  const heldAt = (nowMs: number) => {
    const holds = mutedWordsMatcher(words, nowMs)
    return ['cat', 'dog', 'fox'].filter(holds)
  }

  it('is not looked for from its moment on, whatever was asked before', () => {
    for (const _time of [1, 2]) {
      expect(heldAt(NOW_MS - 1)).toEqual(['cat', 'dog', 'fox'])
      expect(heldAt(NOW_MS)).toEqual(['dog', 'fox'])
      expect(heldAt(NOW_MS + 9)).toEqual(['dog', 'fox'])
      expect(heldAt(NOW_MS + 10)).toEqual(['fox'])
    }
  })
})

/** Texts as people write them, and as nobody does. */
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 30,
  }),
  fc.string({
    unit: fc.constantFrom(
      ...[
        'a',
        'B',
        'ß',
        'σ',
        'Σ',
        'i',
        'İ',
        '\u0307',
        '\u0301',
        '猫',
        'ｶ',
        'ﾞ',
        '1',
        '\u20e3',
        '👩',
        '\u200d',
        '🏽',
        '🇩',
        '🇪',
      ],
      ...[
        '\ufe0f',
        '\u{e0067}',
        ' ',
        '\n',
        '#',
        '@',
        '_',
        "'",
        '´',
        '.',
        '(',
        '[',
        '\\',
        '*',
        '+',
        '?',
        '|',
        '^',
        '$',
        '\0',
        '\ud800',
      ],
    ),
    maxLength: 30,
  }),
)
const hasSomething = (phrase: string) => foldPhrase(phrase) !== ''
const anyPhrase = anyText.filter(hasSomething)

describe('any phrase whatsoever', () => {
  it('is found in itself and between others, alone or in a list', () => {
    fc.assert(
      fc.property(anyPhrase, fc.array(anyText, { maxLength: 5 }), (phrase, others) => {
        expect(matches(phrase, phrase)).toBe(true)
        expect(matches(phrase, ` a ${phrase} b `)).toBe(true)
        const words = [...others, phrase, ...others].map((each) => ({ phrase: each, expiresAtMs: null }))
        expect(mutedWordsMatcher(words, NOW_MS)(` a ${phrase} b `)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('is found however it is typed', () => {
    const composed = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.normalize('NFC'))
    fc.assert(
      fc.property(composed.filter(hasSomething), (phrase) => {
        const typed = [phrase.toUpperCase(), phrase.toLowerCase()].flatMap((text) =>
          (['NFC', 'NFD', 'NFKC', 'NFKD'] as const).map((form) => text.normalize(form)),
        )
        for (const each of typed) {
          expect(matches(phrase, each)).toBe(true)
          expect(matches(each, phrase)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('folds to what folds to itself, and so does every character', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(foldPhrase(foldPhrase(text))).toBe(foldPhrase(text))
      }),
      { numRuns: 1000 },
    )
    for (let point = 0; point <= 0x10ffff; point++) {
      const folded = foldPhrase(String.fromCodePoint(point))
      if (foldPhrase(folded) !== folded) expect.fail(`U+${point.toString(16)}`)
    }
  })
})

describe('a list', () => {
  it('finds what any of its phrases alone finds, and nothing else', () => {
    const unit = fc.constantFrom('a', 'b', ' ', '#', '猫', '👍', '🏽', '!')
    const text = fc.string({ unit, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), text, (phrases, given) => {
        const words = phrases.map((phrase) => ({ phrase, expiresAtMs: null }))
        const alone = phrases.some((phrase) => matches(phrase, given))
        expect(mutedWordsMatcher(words, NOW_MS)(given)).toBe(alone)
      }),
      { numRuns: 1000 },
    )
  })

  it('of phrases that begin alike costs a long text no more than one phrase', () => {
    const text = '! '.repeat(20_000)
    const list = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        phrase: `${'! '.repeat(40)}${n}`,
        expiresAtMs: null,
      }))
    const timeOf = (count: number) => {
      const holds = mutedWordsMatcher(list(count), NOW_MS)
      const times = Array.from({ length: 5 }, () => {
        const start = performance.now()
        expect(holds(text)).toBe(false)
        return performance.now() - start
      })
      return Math.min(...times)
    }
    expect(timeOf(200)).toBeLessThan(5 * timeOf(1) + 5)
  })

  it('takes no time over what makes patterns run away', () => {
    const words = [
      '(a+)+$',
      '(a|a)*b',
      '.*.*.*x',
      'a'.repeat(100),
      'é'.repeat(100),
      '\u200d'.repeat(100),
    ].map((phrase) => ({ phrase, expiresAtMs: null }))
    const holds = mutedWordsMatcher(words, NOW_MS)
    const texts = ['a', '\u0301', '👩\u200d', '\u{e0041}', '🇩', '#', ' ', '1\u20e3', '\ud800'].map((unit) =>
      unit.repeat(20_000),
    )
    const start = performance.now()
    for (const text of texts) expect(holds(text)).toBe(false)
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})
