import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { TweetId } from '../../../src/domain/ids.ts'
import { until } from '../../../tools/stack/until.ts'
import { type Answer, api, type Person } from '../../node/harness/client.ts'
import type { Stack } from '../../node/harness/stack.ts'
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

/** Of all posts, those with an Idempotency-Key. The others are asked for once. */
const WITH_KEY = 0.75

/** One tweet that was asked for: once, or often under the same key. */
export interface Asked {
  key: string | null
  content: string
  /** Once it was acknowledged. */
  id: TweetId | null
  /** Whether its deletion was acknowledged. */
  deleted: boolean
}

export interface Refusal {
  status: number
  retryAfter: string | null
}

interface LoadOptions {
  /** The one to ask now: another after each start. */
  stack: () => Stack
  author: Person
  /** Who like what is posted. */
  readers: readonly Person[]
  random: SeededRandom
}

/** What had been acknowledged at some moment. */
export type Acknowledged = Map<Asked, { id: TweetId; deleted: boolean }>

const withId = z.object({ id: z.number().transform((id) => id as TweetId) })

/** People who post, like and delete while things break, and remember what they were told. */
export class Load {
  readonly asked: Asked[] = []
  /** Answers that were no success. A connection that broke is none. */
  readonly refusals: Refusal[] = []
  readonly #options: LoadOptions
  #settled = 0
  /** Whether a tweet that was acknowledged may be gone: the database was restored. */
  #mayBeGone = false
  #abandoned = false

  constructor(options: LoadOptions) {
    this.#options = options
  }

  /** How many were acknowledged, or given up by who asked. */
  get settled(): number {
    return this.#settled
  }

  get unacknowledged(): Asked[] {
    return this.asked.filter(({ id }) => id === null)
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
    const known = this.asked.flatMap((asked) =>
      asked.id === null ? [] : [[asked, { id: asked.id, deleted: asked.deleted }] as const],
    )
    return new Map(known)
  }

  /** The database was restored to when this much was acknowledged. Answers the tweets that are gone by it. */
  goBackTo(then: Acknowledged): TweetId[] {
    this.#mayBeGone = true
    const gone = this.asked.flatMap((asked) => (then.has(asked) || asked.id === null ? [] : [asked.id]))
    for (const asked of this.asked) {
      const { id, deleted } = then.get(asked) ?? { id: null, deleted: false }
      Object.assign(asked, { id, deleted })
    }
    return gone
  }

  /** Resolves when whatever was on its way has been answered, by a database that is not there: all posters were refused since. */
  async untilRefused(): Promise<void> {
    const enough = this.refusals.length + REFUSALS_OF_ALL
    const refused = await until(() => this.refusals.length >= enough, { withinMs: REFUSED_WITHIN_MS })
    if (!refused) throw new Error('Requests succeed without a database')
  }

  /** Asks once more, until it is answered, for each tweet with a key that nobody acknowledged. */
  async repeatUnacknowledged(): Promise<void> {
    for (const asked of this.unacknowledged) if (asked.key !== null) await this.#ask(asked, true)
  }

  async #postOne(): Promise<void> {
    const key = this.#options.random.next() < WITH_KEY ? crypto.randomUUID() : null
    const asked = this.#newTweet(key)
    const isDeleted = this.asked.length % DELETED_EVERY === 0
    await this.#ask(asked, key !== null && this.#options.random.next() < PATIENT)
    this.#settled++
    if (asked.id === null) return
    if (isDeleted) await this.#delete(asked, asked.id)
    else await this.#like(asked.id)
  }

  #newTweet(key: string | null): Asked {
    const content = `Tweet ${this.asked.length + 1} of ${this.#options.author.username}`
    const asked: Asked = { key, content, id: null, deleted: false }
    this.asked.push(asked)
    return asked
  }

  async #ask(asked: Asked, patient: boolean): Promise<void> {
    const { token } = this.#options.author
    const key = asked.key === null ? {} : { key: asked.key }
    const request = { token, ...key, body: { content: asked.content } }
    const answer = await this.#send(patient, 'POST', '/tweets', request)
    if (answer !== null) asked.id = withId.parse(answer.body).id
  }

  async #delete(asked: Asked, id: TweetId): Promise<void> {
    const { token } = this.#options.author
    await this.#send(true, 'DELETE', `/tweets/${id}`, { token })
    // Unless a restore has brought back what was asked for before.
    if (asked.id === id) asked.deleted = true
  }

  /** Which may fail: what counts is that the count equals the rows. */
  async #like(id: TweetId): Promise<void> {
    const { readers, random } = this.#options
    const reader = readers[random.between(0, readers.length - 1)]
    if (reader !== undefined) await this.#send(false, 'POST', `/tweets/${id}/like`, { token: reader.token })
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
  request: { token: string; key?: string; body?: { content: string } },
]
