import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codePointLength, extractEntities, isBlank, normalizeContent } from './tweet-text.ts'

const tagsOf = (text: string) => extractEntities(text).hashtags.map(({ tag }) => tag)
const mentionsOf = (text: string) => extractEntities(text).mentions.map(({ username }) => username)

describe('hashtags', () => {
  it.each([
    [
      'Japanese',
      '今日は #日本語ハッシュタグ を。#サッカー、#学問のすゝめ',
      ['日本語ハッシュタグ', 'サッカー', '学問のすゝめ'],
    ],
    [
      'Japanese with inner signs',
      '#スター・ウォーズ #メ〜テレ #各〃 #二〇二六年',
      ['スター・ウォーズ', 'メ〜テレ', '各〃', '二〇二六年'],
    ],
    ['Japanese, fullwidth', 'すごい！＃ｈａｓｈｔａｇ１２３', ['ｈａｓｈｔａｇ１２３']],
    ['a rare kanji variant', '#葛\u{e0100}城', ['葛\u{e0100}城']],
    ['Chinese', '#中文，#微博。（#北京2008）', ['中文', '微博', '北京2008']],
    ['Korean', '#한국말 그리고 #트위터!', ['한국말', '트위터']],
    ['Arabic', '#السياسة، #ثبت_نام #٤٠٦سنة', ['السياسة', 'ثبت_نام', '٤٠٦سنة']],
    ['Persian with ZWNJ', '#می‌خواهم #۳۴۵هشتگ', ['می‌خواهم', '۳۴۵هشتگ']],
    ['Hebrew', '#עַל־יְדֵי #וכו׳ #מ״כ', ['עַל־יְדֵי', 'וכו׳', 'מ״כ']],
    ['Hindi', '#महात्मा_१२३ #क्‍या', ['महात्मा_१२३', 'क्‍या']],
    ['Tamil and Sinhala', '#தமிழ் #ශ්‍රීලංකා', ['தமிழ்', 'ශ්‍රීලංකා']],
    ['Thai', '#นักท่องเที่ยว #ผู้เริ่ม', ['นักท่องเที่ยว', 'ผู้เริ่ม']],
    ['Tibetan', '#བོད་སྐད་', ['བོད་སྐད་']],
    ['Cyrillic', 'Мы в #Москве, #Київ!', ['Москве', 'Київ']],
    ['Catalan', '#il·lusió', ['il·lusió']],
    ['accents, composed and decomposed', '#café #cafe\u0301', ['café', 'cafe\u0301']],
    ['Turkish', '#İstanbul #ışık', ['İstanbul', 'ışık']],
    ['letters outside the BMP', '#\u{20021} #\u{10400}', ['\u{20021}', '\u{10400}']],
  ])('are found in %s', (_, text, tags) => {
    expect(tagsOf(text)).toEqual(tags)
  })

  it.each([
    ['an emoji before', '🎉#party', ['party']],
    ['an emoji with a selector before', '✌️#peace', ['peace']],
    ['a keycap before', '1️⃣#first', ['first']],
    ['a family before', '👨‍👩‍👧#family', ['family']],
    ['an emoji after', '#love❤️ #win🏆', ['love', 'win']],
    ['punctuation around', '(#one)[#two]:#three;…#four! “#five”', ['one', 'two', 'three', 'four', 'five']],
    ['lines between', '#one\n#two', ['one', 'two']],
    ['bidi marks around', '\u200f#שלום\u200f \u2067#سلام\u2069', ['שלום', 'سلام']],
    ['digits and underscores within', '#1st #_x_ #2026年', ['1st', '_x_', '2026年']],
    ['a middle dot that parts two', '#A・#B', ['A', 'B']],
    ['a trailing wave dash', '#楽しい〜 ね', ['楽しい']],
    ['a doubled sign', '##tag', ['tag']],
    ['a mention or possessive after', "#mum's #me@home", ['mum', 'me']],
    ['a hyphen', '#well-kept', ['well']],
  ])('end and begin rightly with %s', (_, text, tags) => {
    expect(tagsOf(text)).toEqual(tags)
  })

  it.each([
    ['digits only', '#123 #٤٠٦ #1_2 #_'],
    ['nothing after the sign', '# tag #'],
    ['an emoji only', '#❤️ #️⃣ #️⃣abc'],
    ['a mark on the sign itself', '#\u0301abc'],
    ['a letter before', 'a#b 語#タグ é#x e\u0301#x _#x 1#x'],
    ['an ampersand or slash before', '&#x27; /#x //#x example.com/#x'],
    ['another sign right after', '#a#b #a＃b'],
    ['a scheme', '#http://example.com #https://example.com'],
    ['an invisible letter only', '#\u3164 #\u115f\u1160'],
    ['iteration marks only', '#〃'],
    ['a letter that folds to a mark', '#\ufe70'],
  ])('are not seen in %s', (_, text) => {
    expect(tagsOf(text)).toEqual([])
  })

  it('are plain text beyond 100 code points', () => {
    expect(tagsOf(`#${'x'.repeat(100)}`)).toHaveLength(1)
    expect(tagsOf(`#${'\u{20021}'.repeat(100)}`)).toHaveLength(1)
    expect(tagsOf(`#${'x'.repeat(101)} #ok`)).toEqual(['ok'])
    expect(tagsOf(`#${'か゛'.repeat(51)}`)).toEqual([])
  })

  it('are plain text when the key they are stored under is beyond 100', () => {
    expect(tagsOf(`#${'ﷺ'.repeat(6)}`)).toHaveLength(1)
    expect(tagsOf(`#${'ﷺ'.repeat(7)}`)).toEqual([])
  })
})

describe('mentions', () => {
  it.each([
    ['at both ends', '@kim and @lee_2', ['kim', 'lee_2']],
    ['fullwidth', '＠kim さん', ['kim']],
    ['in Japanese without spaces', 'の@kimに到着', ['kim']],
    ['after an Arabic conjunction', 'شكرا لك و@kim', ['kim']],
    ['before a Korean particle', '@kim님', ['kim']],
    ['after a full stop, bracket or quote', '.@kim (@lee) "@max"', ['kim', 'lee', 'max']],
    ['after an emoji', '✌️@kim 🎉@lee', ['kim', 'lee']],
    ['before punctuation', '@kim: @lee, @max!', ['kim', 'lee', 'max']],
    ['joined by slashes', '@kim/@lee/@max', ['kim', 'lee', 'max']],
    ['with a possessive', "@kim's @lee’s", ['kim', 'lee']],
    ['between bidi marks', '\u2067@kim\u2069', ['kim']],
    ['of 3 and of 50 characters', `@abc @${'x'.repeat(50)}`, ['abc', 'x'.repeat(50)]],
  ])('are found %s', (_, text, usernames) => {
    expect(mentionsOf(text)).toEqual(usernames)
  })

  it.each([
    [
      'e-mail addresses',
      'kim@example.com josé@example.com jose\u0301@example.com иван@example.com a_@example.com',
    ],
    ['addresses with two signs', 'write @kim@example.social'],
    ['names too short or too long', `@ab @${'x'.repeat(51)}`],
    ['names that go on in Latin letters', '@kimé @kim\u0301 @kimæ'],
    ['signs that swear', 'f!@king f@@king f#@king f$@king f%@king f&@king f*@king'],
    ['paths', 'medium.example/@kim /@lee'],
    ['schemes', '@http://example.com @https://example.com'],
    ['a bare sign', '@ @. ＠'],
  ])('are not seen in %s', (_, text) => {
    expect(mentionsOf(text)).toEqual([])
  })
})

describe('indices', () => {
  it('count code points, sign included', () => {
    expect(extractEntities('😀 #tag 😀@kim 😀 https://example.com')).toEqual({
      hashtags: [{ tag: 'tag', indices: [2, 6] }],
      mentions: [{ username: 'kim', indices: [8, 12] }],
      urls: [{ url: 'https://example.com', indices: [15, 34] }],
    })
  })

  const fragment = fc.oneof(
    fc.constantFrom(
      '#',
      '＃',
      '@',
      '＠',
      'https://',
      'http://example.com',
      '/',
      '(',
      ')',
      '[',
      ']',
      '.',
      ':',
      ' ',
      '\n',
    ),
    fc.constantFrom(
      '#tag',
      '@kim',
      '😀',
      '️',
      '\u200c',
      '・',
      '日本語',
      'می‌خواهم',
      'é',
      '\u0301',
      '\u3164',
      '_',
      '12',
      'ﷺ',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )

  it('cut out of the text exactly what each entity says, in order and without overlap, for any text', () => {
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 60 }), (fragments) => {
        const text = fragments.join('')
        const codePoints = [...text]
        const cut = ([start, end]: [number, number]) => codePoints.slice(start, end).join('')
        const { hashtags, mentions, urls } = extractEntities(text)
        for (const { tag, indices } of hashtags)
          expect(['#', '＃'].map((sign) => sign + tag)).toContain(cut(indices))
        for (const { username, indices } of mentions) {
          expect(['@', '＠'].map((sign) => sign + username)).toContain(cut(indices))
          expect(username).toMatch(/^\w{3,50}$/)
        }
        for (const { url, indices } of urls) {
          expect(cut(indices)).toBe(url)
          expect(URL.canParse(url)).toBe(true)
        }
        const ranges = [...hashtags, ...mentions, ...urls]
          .map(({ indices }) => indices)
          .sort(([a], [b]) => a - b)
        for (const [i, [start]] of ranges.entries())
          expect(start).toBeGreaterThanOrEqual(ranges[i - 1]?.[1] ?? 0)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('time', () => {
  // Each made to send a careless rule back over the same characters again and again.
  const repeated = [
    ...[
      '#',
      '#a#',
      '#・',
      '#a・',
      '#1',
      '#ﷺ',
      '#日本http://a.cd',
      '@',
      '@abc',
      '@abc/',
      '＠a＠',
      'é@abc',
      '😀',
    ],
    ...[
      'http://',
      'https://a.b.',
      'http://a.cd:',
      'http://a.cd/)',
      'http://a.cd/(',
      'http://ab.cd@',
      'http://a_',
    ],
    ...['http://a.cd/.,', 'http://aa.aaです', '\u0301\u0316', '\u0344', 'a\u0301', '\r', '\ud800', '\0'],
  ]
  const begun = ['#a', '@abc', 'http://', 'http://a.cd/(']
  const runs = ['a', 'a.', '_', '・', '\u200c', '\u3164', '.', '?!', '(', ')', ' ']
  const adversaries = (length: number) => [
    ...repeated.map((unit) => `${unit.repeat(length / unit.length)}x`),
    ...begun.flatMap((start) => runs.map((unit) => `${start}${unit.repeat(length / unit.length)}x`)),
  ]

  const readAll = (text: string) => {
    normalizeContent(text)
    isBlank(text)
    extractEntities(text)
  }

  it('is short for 280 characters of anything', () => {
    for (const text of adversaries(280)) {
      const start = performance.now()
      readAll(text)
      expect(performance.now() - start, JSON.stringify(text.slice(0, 20))).toBeLessThan(500)
    }
  })

  // Quadratic time would be minutes; a busy machine must not fail it.
  it('grows with the length: a megabyte of anything takes seconds at the most', { timeout: 300_000 }, () => {
    for (const text of adversaries(1_000_000)) {
      const start = performance.now()
      readAll(text)
      expect(performance.now() - start, JSON.stringify(text.slice(0, 20))).toBeLessThan(5_000)
    }
  })

  it('finds all of many entities in a long text', () => {
    const { hashtags, mentions, urls } = extractEntities(
      '#tag @kim https://example.com/a_(b) 😀 '.repeat(5_000),
    )
    expect([hashtags.length, mentions.length, urls.length]).toEqual([5_000, 5_000, 5_000])
    expect(urls.at(-1)?.indices[1]).toBe(
      codePointLength('#tag @kim https://example.com/a_(b) 😀 ') * 5_000 - 3,
    )
  })
})
