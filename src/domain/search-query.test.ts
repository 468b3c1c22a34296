import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSearchQuery, printSearchQuery, type SearchQuery } from './search-query.ts'

function queryOf(text: string): SearchQuery {
  const parsed = parseSearchQuery(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.query
}

/** Pieces of the grammar in any order, and whatever else can be typed. */
const typed = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({ unit: fc.constantFrom(...'"-#@:“« \n\u0000\ud83dé日🎉from'), maxLength: 12 }),
      fc.constantFrom(
        ...['from:ada', '-from:@Bob', 'to:x', 'since:2024-02-30', 'since:2024-02-29', 'until:2025-01-01'],
      ),
      fc.constantFrom(
        ...['has:media', '-has:media', 'is:reply', '-is:reply', 'is:', '#Tag', '-#tag', '@name', 'or"x"'],
      ),
    ),
    { maxLength: 8 },
  )
  .chain((parts) => fc.constantFrom('', ' ').map((glue) => parts.join(glue)))

describe('parseSearchQuery', () => {
  it('reads words, phrases, exclusions and operators', () => {
    const text =
      'hello "big  world" -foo -"a b" -#Bar #Cats @Ada from:Bob -from:x_y to:@eve since:2024-01-01 until:2024-02-01'
    expect(queryOf(`${text} has:media -is:reply`)).toEqual({
      words: ['hello'],
      phrases: ['big world'],
      excluded: ['foo', 'a b', '#bar'],
      hashtags: ['cats'],
      mentions: ['ada'],
      from: ['bob'],
      notFrom: ['x_y'],
      to: ['eve'],
      sinceMs: Date.UTC(2024, 0, 1),
      untilMs: Date.UTC(2024, 1, 1),
      hasMedia: true,
      isReply: false,
    })
  })

  it('takes what is no operator of ours, no hashtag and no user name for words', () => {
    expect(queryOf('lang:en 12:30 #1 @me c# http://example.com/a:b').words).toEqual([
      ...['lang:en', '12:30', '#1', '@me', 'c#', 'http://example.com/a:b'],
    ])
  })

  it('reads typographic quotation marks, and closes a phrase that was left open', () => {
    expect(queryOf('“big world” and „so on').phrases).toEqual(['big world', 'so on'])
  })

  it.each([
    ['cats from:', 5],
    ['🎉 since:yesterday', 2],
    ['since:2024-02-30', 0],
    ['a is:verified', 2],
    ['has:links', 0],
    ['-to:ada', 0],
    ['-since:2024-01-01', 0],
    ['is:reply -is:reply', 9],
    ['!!! ...', 0],
    ['', 0],
    [Array(31).fill('x').join(' '), 60],
  ])('says where the mistake is in %j', (text, at) => {
    expect(parseSearchQuery(text)).toMatchObject({ ok: false, at })
  })

  it('makes a query or an error of any text whatsoever, and reads what it prints as the same query', () => {
    fc.assert(
      fc.property(typed, (text) => {
        const parsed = parseSearchQuery(text)
        if (!parsed.ok) {
          expect(parsed.message).not.toBe('')
          expect(parsed.at).toBeLessThanOrEqual([...text].length)
        } else expect(parseSearchQuery(printSearchQuery(parsed.query))).toEqual(parsed)
      }),
      { numRuns: 2000 },
    )
  })
})
