import { EVERYDAY, type Exchange, type Language, type Library, type Repertoire } from './library.ts'
import type { Random } from './random.ts'
import { depthOf, type Tweet } from './tweet.ts'

const SHARED_SHARE = 0.05
const LINE_SHARE = 0.25
const TOPICAL_COMMENT_SHARE = 0.4
const MAX_TRIES = 6
/** With the marks of Japanese and Arabic. */
const QUESTION = /[?？؟]$/

/** Gives all tweets their words: first those that begin conversations, then the replies to them. */
export function giveWords(tweets: readonly Tweet[], library: Library, random: Random) {
  const roots = tweets.filter(({ repliesTo }) => repliesTo === null)
  giveLines(roots.toReversed(), random)
  const replies = new Replies(library, random)
  for (const tweet of tweets)
    if (tweet.repliesTo !== null) tweet.words = replies.reply(tweet, tweet.repliesTo)
}

/** Each whole line is said once by the newest tweets of its topic; older ones repeat what was said, but seldom. */
function giveLines(newestFirst: readonly Tweet[], random: Random) {
  const unsaid = new Map<Repertoire, string[]>()
  const said = new Set<string>()
  for (const tweet of newestFirst) {
    const { repertoire } = tweet
    const lines = unsaid.get(repertoire) ?? shuffled([...repertoire.lines, ...repertoire.shared], random)
    unsaid.set(repertoire, lines)
    tweet.words = lines.pop() ?? pickNew(said, () => olderWords(repertoire, random))
    said.add(tweet.words)
  }
}

/** What a few tries find that is not in the set, or else what the last one finds. */
function pickNew(taken: ReadonlySet<string>, pick: () => string): string {
  let text = pick()
  for (let tries = 1; tries < MAX_TRIES && taken.has(text); tries++) text = pick()
  return text
}

function olderWords({ lines, shared, sentence }: Repertoire, random: Random): string {
  if (shared.length > 0 && random.chance(SHARED_SHARE)) return random.pick(shared)
  return random.chance(LINE_SHARE) ? random.pick(lines) : sentence(random)
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, key: random.unit() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

interface Spoken extends Exchange {
  language: Language
}

/** A comment is the first half of an exchange and its answer the second; what follows are thanks. */
class Replies {
  readonly #library: Library
  readonly #random: Random
  readonly #exchanges = new Map<Tweet, Spoken>()
  readonly #comments = new Map<Tweet, Set<string>>()

  constructor(library: Library, random: Random) {
    this.#library = library
    this.#random = random
  }

  /** Replies must come in the order of time. */
  reply(tweet: Tweet, repliesTo: Tweet): string {
    if (depthOf(tweet) === 1) return this.#comment(tweet, repliesTo)
    const exchange = this.#exchanges.get(repliesTo)
    if (exchange === undefined) throw new Error('A reply has words before what it replies to')
    this.#exchanges.set(tweet, exchange)
    if (depthOf(tweet) === 2) return exchange.answer
    return this.#random.pick(this.#library.phrases(exchange.language).thanks)
  }

  #comment(tweet: Tweet, root: Tweet): string {
    const language = this.#languageFor(tweet, root)
    const exchange = this.#newExchange(root, this.#possibleExchanges(root, language))
    this.#exchanges.set(tweet, { ...exchange, language })
    return exchange.comment
  }

  /** The common one, English if need be. */
  #languageFor({ author }: Tweet, { repertoire }: Tweet): Language {
    return author.language === repertoire.language ? author.language : 'en'
  }

  #possibleExchanges({ words, repertoire: { topic } }: Tweet, language: Language): readonly Exchange[] {
    if (QUESTION.test(words)) return this.#library.phrases(language).onQuestions
    const isTopical = this.#random.chance(TOPICAL_COMMENT_SHARE)
    return this.#library.repertoire(language, isTopical ? topic : EVERYDAY).exchanges
  }

  /** One that nobody has begun under this tweet, if there is any. */
  #newExchange(root: Tweet, exchanges: readonly Exchange[]): Exchange {
    const said = this.#comments.get(root) ?? new Set()
    this.#comments.set(root, said)
    let exchange = this.#random.pick(exchanges)
    for (let tries = 0; tries < MAX_TRIES && said.has(exchange.comment); tries++) {
      exchange = this.#random.pick(exchanges)
    }
    said.add(exchange.comment)
    return exchange
  }
}
