import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { topicsOf } from './topics.ts'

describe('topics', () => {
  it.each([
    ['The solar eclipse was amazing, solar eclipse!', ['solar', 'eclipse', 'solar eclipse', 'amazing']],
    ['ECLIPSE Eclipse ｅｃｌｉｐｓｅ', ['eclipse']],
    ['heron. weir', ['heron', 'weir']],
    ['heron of weir', ['heron', 'weir']],
    ['heron\nweir', ['heron', 'weir']],
    ['heron #wow weir @kim_b teasel https://example.com/x', ['heron', 'weir', 'teasel']],
    ['In 2024 at 10k 42 heron42', ['heron42']],
    ['The heron’s weir isn’t l’avion', ['heron', 'weir', 'heron weir', 'avion']],
    ['ok we go up', []],
    ['x'.repeat(41), []],
    ['Die Bundestagswahl ist heute', ['bundestagswahl']],
    ['Президент России в Москве', ['президент', 'россии', 'президент россии', 'москве']],
    ['대한민국 축구', ['대한민국', '축구', '대한민국 축구']],
    ['भारत की क्रिकेट', ['भारत', 'क्रिकेट']],
    ['東京オリンピックの開会', ['東京', 'オリンピック', '東京オリンピック', '開会']],
    ['我爱北京天安门', ['北京', '天安门', '北京天安门']],
    ['🐦🐦 ... !?', []],
    ['', []],
  ])('of %j are %j', (content, topics) => {
    expect(topicsOf(content)).toEqual(topics)
  })

  it('of whatever text are few, each once, of words alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 280 }), (content) => {
        const topics = topicsOf(content)
        expect(new Set(topics).size).toBe(topics.length)
        expect(topics.length).toBeLessThanOrEqual(80)
        for (const topic of topics) expect(topic).toMatch(/^\p{L}(?:[\p{L}\p{M}\p{N}_ ]|\u200c|\u200d)*$/u)
      }),
    )
  })
})
