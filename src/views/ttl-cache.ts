/** A cache of an isolate: what is known for some milliseconds. Bounded: a Map keeps insertion order, the oldest go. */
export class TtlCache<Key, Value> {
  readonly #known = new Map<Key, { value: Value; atMs: number }>()
  readonly #ttlMs: number
  readonly #max: number

  constructor(ttlMs: number, max: number) {
    this.#ttlMs = ttlMs
    this.#max = max
  }

  get(key: Key, nowMs: number): Value | null {
    const known = this.#known.get(key)
    return known !== undefined && nowMs - known.atMs < this.#ttlMs ? known.value : null
  }

  set(key: Key, value: Value, nowMs: number): void {
    this.#known.delete(key)
    this.#known.set(key, { value, atMs: nowMs })
    for (const [oldest] of this.#known) {
      if (this.#known.size <= this.#max) break
      this.#known.delete(oldest)
    }
  }

  forget(key: Key): void {
    this.#known.delete(key)
  }
}
