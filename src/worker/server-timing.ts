import type { TimedPart } from '../services/deps.ts'

/** Sums what each part of a request took, for the `Server-Timing` header. */
export class ServerTiming {
  readonly #durationsMs = new Map<TimedPart, number>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  async timed<T>(part: TimedPart, work: () => Promise<T>): Promise<T> {
    const start = this.#now()
    try {
      return await work()
    } finally {
      this.#durationsMs.set(part, (this.#durationsMs.get(part) ?? 0) + this.#now() - start)
    }
  }

  header(): string {
    return [...this.#durationsMs].map(([part, ms]) => `${part};dur=${ms}`).join(', ')
  }
}
