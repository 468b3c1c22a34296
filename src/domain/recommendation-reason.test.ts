import { describe, expect, it } from 'vitest'
import { reasonText } from './recommendation-reason.ts'

describe('the reason of a recommendation', () => {
  it.each([
    [['Ada'], 1, 'Followed by Ada'],
    [['Ada', 'Grace'], 2, 'Followed by Ada and Grace'],
    [['Ada'], 2, 'Followed by Ada and 1 other'],
    [['Ada', 'Grace'], 4, 'Followed by Ada and 3 others'],
  ])('names who follows: %j of %i', (names, mutuals, text) => {
    expect(reasonText('followed_by', { names, mutuals, tag: null })).toBe(text)
  })

  it('names the hashtag, or says that many follow', () => {
    expect(reasonText('interests', { names: [], mutuals: 0, tag: 'birds' })).toBe('Tweets about #birds')
    expect(reasonText('interests', { names: [], mutuals: 0, tag: null })).toBe('Tweets about what you like')
    expect(reasonText('popular', { names: [], mutuals: 0, tag: null })).toBe('Popular on Warbler')
  })
})
