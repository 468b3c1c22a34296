/** What a cache holds of a key, since when, and whether somebody is reading it anew. */
interface Known<Value> {
  value: Value
  atMs: number
  isBeingRead: boolean
}

/** From this share of its time on, the first who asks reads a value anew, and the others go on with it. */
const REREAD_FROM = 2 / 3

/** A cache of an isolate: what is known for some milliseconds. Bounded: a Map keeps insertion order, the oldest go. */
export class TtlCache<Key, Value> {
  readonly #known = new Map<Key, Known<Value>>()
  readonly #ttlMs: number
  readonly #max: number

  constructor(ttlMs: number, max: number) {
    this.#ttlMs = ttlMs
    this.#max = max
  }

  get(key: Key, nowMs: number): Value | null {
    return this.#fresh(key, nowMs)?.value ?? null
  }

  /**
   * As `get`, for who reads anew what is not there: of many who ask for what is about to expire one is told that it is
   * not there, so that they do not all read it at once. Nobody is answered what was known before `sinceMs`.
   */
  getOrClaim(key: Key, nowMs: number, sinceMs = 0): Value | null {
    const known = this.#fresh(key, nowMs)
    if (known === null || known.atMs < sinceMs) return null
    if (!known.isBeingRead && nowMs - known.atMs >= this.#ttlMs * REREAD_FROM) {
      known.isBeingRead = true
      return null
    }
    return known.value
  }

  set(key: Key, value: Value, nowMs: number): void {
    this.#known.delete(key)
    this.#known.set(key, { value, atMs: nowMs, isBeingRead: false })
    for (const [oldest] of this.#known) {
      if (this.#known.size <= this.#max) break
      this.#known.delete(oldest)
    }
  }

  forget(key: Key): void {
    this.#known.delete(key)
  }

  #fresh(key: Key, nowMs: number): Known<Value> | null {
    const known = this.#known.get(key)
    return known !== undefined && nowMs - known.atMs < this.#ttlMs ? known : null
  }
}
