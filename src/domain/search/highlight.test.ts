import { describe, expect, it } from 'vitest'
import { parseSearchQuery } from '../search-query.ts'
import { highlight } from './highlight.ts'

function highlighted(content: string, text: string): string[] {
  const parsed = parseSearchQuery(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return highlight(content, parsed.query).map(([start, end]) => [...content].slice(start, end).join(''))
}

describe('highlight', () => {
  it.each([
    ['🎉 Running late, she runs', 'run', ['Running', 'runs']],
    ['The Café and the cafe', 'cafes', ['Café', 'cafe']],
    ['a big, wide world; big world', '"big world"', ['big world']],
    ['東京タワーの夜景', '東京タワー夜景', ['東京タワー', '夜景']],
    ['猫カフェの猫', '猫', ['猫', '猫']],
    ['แมวนอน', 'แมว', ['แมว']],
    ['#Cats and cats, @Ada!', '#cats @ada', ['#Cats', '@Ada']],
    ['👍🏽 well done', '👍', ['👍🏽']],
    ['nothing of it', 'else', []],
  ])('marks in %j what %j found', (content, query, expected) => {
    expect(highlighted(content, query)).toEqual(expected)
  })
})
