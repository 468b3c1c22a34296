import { jpn, kor, tha, zho } from 'stopword'
import { foldWord } from './fold.ts'

// Endings of verbs and polite forms, as dictionaries cut them off.
const ENDINGS = [
  'ます',
  'ました',
  'ません',
  'です',
  'でした',
  'たい',
  'って',
  'まし',
  'よ',
  'ね',
  'か',
  'ครับ',
  'ค่ะ',
  'คะ',
  '了',
  '吗',
  '呢',
]

const PARTICLES = new Set([...jpn, ...kor, ...tha, ...zho, ...ENDINGS].map(foldWord))

/** Whether a segment of a script without spaces only binds others. */
export function isParticle(segment: string): boolean {
  return PARTICLES.has(foldWord(segment))
}
