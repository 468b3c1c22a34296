import type { Viewer } from './deps.ts'

interface Verified {
  viewer: Viewer
  expiresAtMs: number
}

/** Tokens that were found good, until they expire. Bounded: the one that was verified first goes first. */
export class VerifiedTokens {
  readonly #capacity: number
  readonly #byToken = new Map<string, Verified>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Null when the token is not known, or is no longer good. */
  get(token: string, nowMs: number): Viewer | null {
    const known = this.#byToken.get(token)
    if (known === undefined) return null
    if (known.expiresAtMs > nowMs) return known.viewer
    this.#byToken.delete(token)
    return null
  }

  remember(token: string, viewer: Viewer, expiresAtMs: number): void {
    this.#byToken.set(token, { viewer, expiresAtMs })
    if (this.#byToken.size <= this.#capacity) return
    const [oldest] = this.#byToken.keys()
    if (oldest !== undefined) this.#byToken.delete(oldest)
  }
}
