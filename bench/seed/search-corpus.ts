import type { DatabaseSync } from 'node:sqlite'
import type { PersonDocument, TweetDocument } from '../../src/contracts/search.ts'
import { ID_EPOCH_MS } from '../../src/domain/ids.ts'
import { gramsOf } from '../../src/domain/search/near-terms.ts'
import { extractEntities, uniqueTags } from '../../src/domain/tweet-text.ts'
import { PLACE_SHIFT, personRow, type Term, tweetRow } from '../../src/search/documents.ts'
import { pareto, weightedPicker, zipfWeight } from '../../tools/seed/distributions.ts'
import { type Random, randomStream } from '../../tools/seed/random.ts'

const VOCABULARY = 100_000
/** The commonest word, stop words aside, is in 6 % of the tweets. */
const COMMONEST_SHIFT = 20
const TAGS = 2_000
/** People for each hundred tweets. */
const PEOPLE_SHARE = 0.1
const MINUTE_MS = 60_000
const FIRST_MS = ID_EPOCH_MS + 30 * 24 * 60 * MINUTE_MS
const SYLLABLES =
  'ba be bi bo bu da de di do du fa fe ga ge go ka ke ki ko la le li lo lu ma me mi mo mu na ne ni no pa pe pi po ra re ri ro sa se si so ta te ti to va ve vi vo za zo'.split(
    ' ',
  )

/** Texts whose words are as unevenly common as those of a language (Zipf), the same for the same index on every machine. */
export class SearchCorpus {
  readonly #random: Random = randomStream('search corpus')
  readonly #word: (random: Random) => string
  readonly #tag: (random: Random) => string

  constructor() {
    const words = vocabulary(this.#random)
    this.#word = weightedPicker(words, zipfWeight(1, COMMONEST_SHIFT))
    this.#tag = weightedPicker(words.slice(-TAGS), zipfWeight(1, COMMONEST_SHIFT))
  }

  tweet(index: number): TweetDocument {
    const random = this.#random
    const length = 6 + random.below(12)
    const words = Array.from({ length }, () => this.#word(random))
    if (random.chance(0.2)) words.push(`#${this.#tag(random)}`)
    const content = words.join(' ')
    return {
      id: (FIRST_MS - ID_EPOCH_MS + index * MINUTE_MS) * 4096,
      version: 1,
      authorId: 1 + random.below(1000),
      username: `user_${random.below(1000)}`,
      content,
      hashtags: uniqueTags(extractEntities(content)),
      mentions: [],
      replyTo: random.chance(0.3) ? `user_${random.below(1000)}` : null,
      hasMedia: random.chance(0.2),
      isSensitive: random.chance(0.02),
      engagement: Math.floor(pareto(random, 1)) - 1,
    }
  }

  person(index: number): PersonDocument {
    const random = this.#random
    const name = `${this.#word(random)} ${this.#word(random)}`
    return {
      id: (FIRST_MS - ID_EPOCH_MS + index * MINUTE_MS) * 4096 + 1,
      version: 1,
      username: `${name.replace(' ', '_').slice(0, 40)}${index}`,
      displayName: name,
      bio: Array.from({ length: 6 }, () => this.#word(random)).join(' '),
      isVerified: random.chance(0.001),
      followerCount: Math.floor(pareto(random, 0.8)) - 1,
    }
  }
}

/** Words of two to five syllables, each once; the shorter tend to be the commoner, as in languages. */
function vocabulary(random: Random): string[] {
  const words = new Set<string>()
  while (words.size < VOCABULARY) {
    const length = 2 + Math.floor((3 * words.size) / VOCABULARY + random.unit())
    words.add(Array.from({ length }, () => random.pick(SYLLABLES)).join(''))
  }
  return [...words]
}

interface Takers {
  tweet: (tweet: TweetDocument) => void
  person: (person: PersonDocument) => void
}

/** The documents with these indexes, in the order in which they are made. */
export function eachDocument(
  corpus: SearchCorpus,
  from: number,
  until: number,
  { tweet, person }: Takers,
): void {
  for (let index = from; index < until; index++) {
    tweet(corpus.tweet(index))
    if (index % (1 / PEOPLE_SHARE) === 0) person(corpus.person(index))
  }
}

const BATCH = 5_000

/** Writes the documents with these indexes as the Worker does, by its own analysis. */
export function fillSearchDatabase(
  database: DatabaseSync,
  corpus: SearchCorpus,
  from: number,
  until: number,
): void {
  const tweet = database.prepare('insert into tweets values (?, ?, 0, ?, ?, ?, ?)')
  const tweetText = database.prepare(
    'insert into tweets_fts (rowid, words, forms, facts) values (?, ?, ?, ?)',
  )
  const person = database.prepare('insert into people values (?, 1, 0, ?, ?)')
  const personText = database.prepare('insert into people_fts (rowid, names, bio) values (?, ?, ?)')
  const term = database.prepare('insert or ignore into terms values (?)')
  const gram = database.prepare('insert or ignore into term_grams values (?, ?, ?)')
  const known = new Set<string>()
  const learn = ({ kind, word }: Term) => {
    if (known.has(kind + word)) return
    known.add(kind + word)
    term.run(kind + word)
    for (const each of gramsOf(kind, word)) gram.run(each, [...word].length, kind + word)
  }
  database.exec('pragma synchronous = off; insert or ignore into id_range (from_id) values (0)')
  for (let at = from; at < until; at += BATCH) {
    database.exec('begin')
    eachDocument(corpus, at, Math.min(until, at + BATCH), {
      tweet: (document) => {
        const { row, terms } = tweetRow(document)
        tweet.run(row.id, row.version, row.sensitive, row.engagement, row.tier, JSON.stringify(row.tags))
        tweetText.run(row.id, row.words, row.forms, row.facts)
        terms.forEach(learn)
      },
      person: (document) => {
        const { row, terms } = personRow(document)
        person.run(row.id, row.handle, row.tier)
        personText.run((BigInt(row.tier) << BigInt(PLACE_SHIFT)) + BigInt(row.id), row.names, row.bio)
        terms.forEach(learn)
      },
    })
    database.exec('commit')
  }
  database.exec(
    'update id_range set documents = (select count(*) from tweets) + (select count(*) from people)',
  )
}
