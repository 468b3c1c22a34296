import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { analyze } from './analysis.ts'

const words = (text: string) =>
  analyze(text)
    .filter(({ place }) => place === 'words')
    .map((token) => token.text)
const forms = (text: string) =>
  analyze(text)
    .filter(({ place }) => place === 'forms')
    .map((token) => token.text)

describe('analyze', () => {
  it.each([
    ['Crème BRÛLÉE', ['creme', 'brulee']],
    ['Ёлка и йод', ['елка', 'и', 'иод']],
    ['Straße, Łódź, İstanbul', ['strasse', 'lodz', 'istanbul']],
    ['ｆｕｌｌ ﬁt', ['full', 'fit']],
    ['كِتَابٌ أحمد', ['كتاب', 'احمد']],
    ['हिन्दी', ['हिन्दी']],
    ['क़लम', ['कलम']],
    ["don't l’avion Ada's", ['dont', 'l', 'avion', 'ada']],
    ['C++ and c#', ['c++', 'and', 'c#']],
    ['https://www.example.com/a?b=c#d', ['example', 'com']],
    ['👍🏽👍 👩🏽‍💻 ❤️', ['👍', '👍', '👩‍💻', '❤']],
    ['東京タワー', ['東京', '京タ', 'タワ', 'ワー']],
    ['ｶﾞｷﾞ', ['ガギ']],
    ['かが', ['かが']],
    ['고양이가', ['고양', '양이', '이가']],
    ['แข็ง', ['แข็', 'ข็ง']],
    ['@Ada_L #ClimateChange', ['ada', 'l', 'climatechange']],
  ])('finds the tokens of %j', (text, expected) => {
    expect(words(text)).toEqual(expected)
  })

  it('stems in the language that the stop words of a text speak for, and in English where none do', () => {
    expect(forms('the runners are running')).toEqual(['runner', 'run'])
    expect(forms('los gatos de mi casa duermen')).toContain('gat')
    expect(forms('книги')).toEqual(['книг'])
  })

  it('has the parts of a hashtag and single Han characters as other forms', () => {
    expect(forms('#ClimateChange')).toEqual(expect.arrayContaining(['climate', 'change']))
    expect(forms('#kar_tanesi')).toContain('kartanesi')
    expect(forms('猫だ')).toContain('猫')
  })

  it('makes tokens of any text that hold no separator of ours and lie within it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        for (const { text: token, start, end } of analyze(text)) {
          expect(token).toMatch(/^[^\s"\p{Cc}\p{Cs}]+$/u)
          expect(start).toBeGreaterThanOrEqual(0)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(text.length)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
