import { expect, it } from 'vitest'
import { isHiddenAsSensitive } from './sensitive.ts'

const [READER, AUTHOR] = [1, 2]

it.each([
  ['who hides it', { id: READER, hidesSensitive: true }, { authorId: AUTHOR, isSensitive: true }, true],
  ['who is signed out', { id: null, hidesSensitive: true }, { authorId: AUTHOR, isSensitive: true }, true],
  ['who wrote it', { id: AUTHOR, hidesSensitive: true }, { authorId: AUTHOR, isSensitive: true }, false],
  [
    'who does not hide it',
    { id: READER, hidesSensitive: false },
    { authorId: AUTHOR, isSensitive: true },
    false,
  ],
  [
    'anybody, where it is not sensitive',
    { id: READER, hidesSensitive: true },
    { authorId: AUTHOR, isSensitive: false },
    false,
  ],
])('what is sensitive, for %s', (_name, reader, tweet, isHidden) => {
  expect(isHiddenAsSensitive(reader, tweet)).toBe(isHidden)
})
