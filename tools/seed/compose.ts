import { codePointLength, MAX_CONTENT_LENGTH } from '../../src/domain/tweet-text.ts'
import { fill } from './grammar.ts'
import type { Library } from './library.ts'
import type { Random } from './random.ts'
import type { Tweet } from './tweet.ts'

const TAGGED_SHARE = 0.4
const TWO_TAGS_SHARE = 0.3
const CAPITALIZED_TAG_SHARE = 0.1
const MENTION_SHARE = 0.13
/** Replies that name whom they reply to. */
const ADDRESS_SHARE = 0.25

/** Composes the text of a tweet: at most 280 code points, in NFC. */
export function composeText(tweet: Tweet, library: Library, random: Random): string {
  const additions = tweet.repliesTo === null ? [mention, hashtags] : [address]
  return additions.reduce((so, add) => {
    const longer = add(so, tweet, library, random).normalize('NFC')
    return codePointLength(longer) <= MAX_CONTENT_LENGTH ? longer : so
  }, tweet.words.normalize('NFC'))
}

type Addition = (text: string, tweet: Tweet, library: Library, random: Random) => string

/** Someone whom the author follows. */
const mention: Addition = (text, { author, repertoire }, library, random) => {
  if (!random.chance(MENTION_SHARE) || author.following.length === 0) return text
  const { username } = random.pick(author.following)
  return fill(random.pick(library.phrases(repertoire.language).mentions), { text, name: username })
}

const hashtags: Addition = (text, { repertoire }, _library, random) => {
  if (!random.chance(TAGGED_SHARE)) return text
  const count = random.chance(TWO_TAGS_SHARE) ? 2 : 1
  const tags = new Set(Array.from({ length: count }, () => repertoire.tag(random)))
  return [text, ...Array.from(tags, (tag) => `#${varied(tag, random)}`)].join(' ')
}

/** People don't agree about capitals in hashtags. */
function varied(tag: string, random: Random): string {
  return random.chance(CAPITALIZED_TAG_SHARE) ? tag.charAt(0).toUpperCase() + tag.slice(1) : tag
}

const address: Addition = (text, { repliesTo }, _library, random) => {
  if (repliesTo === null || !random.chance(ADDRESS_SHARE)) return text
  return `@${repliesTo.author.username} ${text}`
}
