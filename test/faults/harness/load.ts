import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { until } from '../../../tools/stack/until.ts'
import { type Answer, api, type Person } from '../../node/harness/client.ts'
import type { Stack } from '../../node/harness/stack.ts'
import type { LiveClient } from './live-client.ts'
import type { SeededRandom } from './seeded-random.ts'

/** How many of the author's posts are on their way at a time. */
const AT_ONCE = 4
const TRIES_AGAIN_AFTER_MS = 100
/** Of those whose post failed, how many ask again until they are answered; the others leave it at that. */
const PATIENT = 0.6
/** Every so-many-th tweet is deleted as soon as it is acknowledged. */
const DELETED_EVERY = 10
/** Several by each poster. */
const REFUSALS_OF_ALL = 4 * AT_ONCE
const REFUSED_WITHIN_MS = 60_000

/** Of all posts and messages, those with an Idempotency-Key. The others are asked for once. */
const WITH_KEY = 0.75
/** Of the tweets, those after which the author writes to a reader. */
const WRITTEN = 0.5
/** Of the tweets, those that mention a reader. */
const MENTIONING = 0.3
/** How often an earlier like is undone, and an earlier tweet deleted: some have been told by then. */
const UNDONE = 0.25
const DELETED_LATER = 0.05
/** Of the messages, those that their receiver says to have read. */
const READ = 0.5
/** How often of all readers it is the one with a client who likes, is mentioned, or is written to. */
const WATCHED = 0.25

/** One tweet or message that was asked for: once, or often under the same key. */
export interface Asked {
  /** Where: of the API. */
  path: string
  key: string | null
  content: string
  /** Once it was acknowledged. */
  id: number | null
  /** Whether its deletion was acknowledged. */
  deleted: boolean
}

export interface Like {
  tweet: number
  reader: Person
  /** As it was acknowledged last; null when that is not known. */
  holds: boolean | null
}

export interface Refusal {
  status: number
  retryAfter: string | null
}

interface LoadOptions {
  /** The one to ask now: another after each start. */
  stack: () => Stack
  author: Person
  /** Who like what is posted, and are mentioned and written to. */
  readers: readonly Person[]
  /** Of the author and of the last reader. */
  clients: readonly LiveClient[]
  random: SeededRandom
}

/** What had been acknowledged at some moment. */
export type Acknowledged = Map<Asked, { id: number; deleted: boolean }>

const withId = z.object({ id: z.number() })

/** People who post, like, write to each other and delete while things break, and remember what they were told. */
export class Load {
  /** Tweets. */
  readonly asked: Asked[] = []
  readonly messages: Asked[] = []
  readonly likes: Like[] = []
  /** Answers that were no success. A connection that broke is none. */
  readonly refusals: Refusal[] = []
  readonly #options: LoadOptions
  /** Tweets with which whoever posted them will do nothing any more. */
  readonly #finished: Asked[] = []
  #settled = 0
  /** Whether a tweet that was acknowledged may be gone: the database was restored. */
  #mayBeGone = false
  #abandoned = false

  constructor(options: LoadOptions) {
    this.#options = options
  }

  get clients(): readonly LiveClient[] {
    return this.#options.clients
  }

  /** How many tweets were acknowledged, or given up by who asked. */
  get settled(): number {
    return this.#settled
  }

  get unacknowledged(): Asked[] {
    return [...this.asked, ...this.messages].filter(({ id }) => id === null)
  }

  /** Asks for so many tweets more; resolves when each is acknowledged or given up. */
  async post(count: number): Promise<void> {
    const end = this.asked.length + count
    const poster = async () => {
      while (this.asked.length < end && !this.#abandoned) await this.#postOne()
    }
    await Promise.all(Array.from({ length: AT_ONCE }, poster))
  }

  /** Posts a tweet and deletes it at once. */
  async postAndDelete(): Promise<void> {
    const asked = this.#newTweet(crypto.randomUUID())
    await this.#ask(asked, true)
    if (asked.id !== null) await this.#delete(asked, asked.id)
  }

  /** Posts until `stopped` says so. */
  async postUntil(stopped: () => boolean): Promise<void> {
    const poster = async () => {
      while (!stopped() && !this.#abandoned) await this.#postOne()
    }
    await Promise.all(Array.from({ length: AT_ONCE }, poster))
  }

  /** Nobody waits for an answer any more: the test has failed. */
  abandon(): void {
    this.#abandoned = true
  }

  acknowledged(): Acknowledged {
    const known = [...this.asked, ...this.messages].flatMap((asked) =>
      asked.id === null ? [] : [[asked, { id: asked.id, deleted: asked.deleted }] as const],
    )
    return new Map(known)
  }

  /** The database was restored to when this much was acknowledged. Answers the tweets that are gone by it. */
  goBackTo(then: Acknowledged): number[] {
    this.#mayBeGone = true
    const gone = this.asked.flatMap((asked) => (then.has(asked) || asked.id === null ? [] : [asked.id]))
    for (const asked of [...this.asked, ...this.messages]) {
      const { id, deleted } = then.get(asked) ?? { id: null, deleted: false }
      Object.assign(asked, { id, deleted })
    }
    for (const like of this.likes) like.holds = null
    return gone
  }

  /** Resolves when whatever was on its way has been answered, by a database that is not there: all posters were refused since. */
  async untilRefused(): Promise<void> {
    const enough = this.refusals.length + REFUSALS_OF_ALL
    const refused = await until(() => this.refusals.length >= enough, { withinMs: REFUSED_WITHIN_MS })
    if (!refused) throw new Error('Requests succeed without a database')
  }

  /** Asks once more, until it is answered, for all with a key that nobody acknowledged. */
  async repeatUnacknowledged(): Promise<void> {
    for (const asked of this.unacknowledged) if (asked.key !== null) await this.#ask(asked, true)
  }

  async #postOne(): Promise<void> {
    const { random } = this.#options
    const asked = this.#newTweet(this.#maybeKey())
    const isDeleted = this.asked.length % DELETED_EVERY === 0
    await this.#askMaybeOften(asked)
    this.#settled++
    if (random.next() < WRITTEN) await this.#write()
    if (asked.id === null) return
    if (isDeleted) await this.#delete(asked, asked.id)
    else await this.#like(asked.id)
    if (random.next() < UNDONE) await this.#unlikeOne()
    if (random.next() < DELETED_LATER) await this.#deleteOne()
    this.#finished.push(asked)
  }

  #newTweet(key: string | null): Asked {
    const { author, random } = this.#options
    const mention = random.next() < MENTIONING ? ` for @${this.#someReader().username}` : ''
    const content = `Tweet ${this.asked.length + 1} of ${author.username}${mention}`
    const asked: Asked = { path: '/tweets', key, content, id: null, deleted: false }
    this.asked.push(asked)
    return asked
  }

  #maybeKey(): string | null {
    return this.#options.random.next() < WITH_KEY ? crypto.randomUUID() : null
  }

  async #askMaybeOften(asked: Asked): Promise<void> {
    await this.#ask(asked, asked.key !== null && this.#options.random.next() < PATIENT)
  }

  async #ask(asked: Asked, patient: boolean): Promise<void> {
    const { token } = this.#options.author
    const key = asked.key === null ? {} : { key: asked.key }
    const request = { token, ...key, body: { content: asked.content } }
    const answer = await this.#send(patient, 'POST', asked.path, request)
    if (answer !== null) asked.id = withId.parse(answer.body).id
  }

  async #delete(asked: Asked, id: number): Promise<void> {
    const { token } = this.#options.author
    await this.#send(true, 'DELETE', `/tweets/${id}`, { token })
    // Unless a restore has brought back what was asked for before.
    if (asked.id === id) asked.deleted = true
  }

  /** To a reader, who may say to have read it. */
  async #write(): Promise<void> {
    const { author, random } = this.#options
    const reader = this.#someReader()
    const content = `Message ${this.messages.length + 1} of ${author.username}`
    const path = `/messages/${reader.id}`
    const asked: Asked = { path, key: this.#maybeKey(), content, id: null, deleted: false }
    this.messages.push(asked)
    await this.#askMaybeOften(asked)
    if (asked.id === null || random.next() >= READ) return
    const request = { token: reader.token, body: { up_to_id: asked.id } }
    await this.#send(false, 'PUT', `/messages/${author.id}/read`, request)
  }

  async #like(id: number): Promise<void> {
    const reader = this.#someReader()
    const like: Like = { tweet: id, reader, holds: null }
    this.likes.push(like)
    const answer = await this.#send(false, 'POST', `/tweets/${id}/like`, { token: reader.token })
    if (answer !== null) like.holds = true
  }

  async #unlikeOne(): Promise<void> {
    const like = this.#oneOf(this.likes.filter(({ holds }) => holds === true))
    if (like === null) return
    like.holds = null
    const { token } = like.reader
    const answer = await this.#send(false, 'DELETE', `/tweets/${like.tweet}/like`, { token })
    if (answer?.status === 200) like.holds = false
  }

  async #deleteOne(): Promise<void> {
    const asked = this.#oneOf(this.#finished.filter(({ id, deleted }) => id !== null && !deleted))
    if (asked?.id != null) await this.#delete(asked, asked.id)
  }

  #oneOf<Item>(items: readonly Item[]): Item | null {
    return items[this.#options.random.between(0, items.length - 1)] ?? null
  }

  #someReader(): Person {
    const { readers, random } = this.#options
    const reader = random.next() < WATCHED ? readers.at(-1) : readers[random.between(0, readers.length - 1)]
    if (reader === undefined) throw new Error('Nobody reads')
    return reader
  }

  /** Null when it failed and nobody asked again. Throws for an answer that no fault excuses. */
  async #send(patient: boolean, ...[method, path, request]: Request): Promise<Answer | null> {
    for (;;) {
      // A connection that broke: whether the request was carried out, nobody knows.
      const answer = await api(this.#options.stack(), method, path, request).catch(() => null)
      const isDone =
        answer !== null && (answer.status < 300 || (method === 'DELETE' && answer.status === 404))
      if (isDone) return answer
      if (answer !== null) this.#note(answer, `${method} ${path}`)
      await sleep(TRIES_AGAIN_AFTER_MS)
      if (!patient || this.#abandoned) return null
    }
  }

  #note({ status, headers, body }: Answer, request: string): void {
    if (status === 404 && this.#mayBeGone) return
    if (status < 500) throw new Error(`${request}: ${status} ${JSON.stringify(body)}`)
    this.refusals.push({ status, retryAfter: headers.get('retry-after') })
  }
}

type Request = [
  method: string,
  path: string,
  request: { token: string; key?: string; body?: { content: string } | { up_to_id: number } },
]
