import type { PullSet } from '../../contracts/timeline.ts'
import type { UserId } from '../../domain/ids.ts'
import type { FactsTable } from './facts.ts'

/** In place of a set's hash: no set has it. */
const UNKNOWN_SET = 'unknown'
/** How far the database's clock and an object's may be apart. */
const CLOCKS_APART_MS = 60_000

/** Which set of pulled authors, and when it was. */
interface AsOf {
  hash: string
  asOfMs: number
}

/** Followees who are pulled authors, as of which set of these. Their entries come with an overlay. */
export class PulledFollowees {
  readonly #facts: FactsTable
  #authors = new Set<UserId>()

  constructor(facts: FactsTable) {
    this.#facts = facts
  }

  load(isFollowing: (author: UserId) => boolean): void {
    this.#authors = new Set(this.#facts.get('pulled')?.authors.filter(isFollowing))
  }

  get hash(): string {
    return this.#facts.get('pulled')?.hash ?? UNKNOWN_SET
  }

  get authors(): ReadonlySet<UserId> {
    return this.#authors
  }

  /** A timeline begins without any: all was pulled when it was built. */
  begin(nowMs: number): void {
    this.#facts.put('pulled', { hash: UNKNOWN_SET, asOfMs: nowMs, authors: [] })
  }

  /** Whether an asker knows of another set than this timeline, and of a newer one. */
  lacks({ hash, asOfMs }: AsOf): boolean {
    const known = this.#facts.get('pulled')
    if (known === null || known.hash === UNKNOWN_SET) return true
    return known.hash !== hash && asOfMs > known.asOfMs
  }

  /** Whose tweets may not have been delivered while they were pulled, and no longer come with an overlay. */
  leftBy({ authors, left }: PullSet): UserId[] {
    const known = this.#facts.get('pulled')
    const nowPulled = new Set(authors)
    const since = (known?.asOfMs ?? 0) - CLOCKS_APART_MS
    return [
      ...(known?.authors ?? []).filter((author) => !nowPulled.has(author)),
      ...left.filter(({ atMs }) => atMs >= since).map(({ id }) => id),
    ]
  }

  take(authors: UserId[], { hash, asOfMs }: AsOf): void {
    this.#facts.put('pulled', { hash, asOfMs, authors })
    this.#authors = new Set(authors)
  }

  unfollow(author: UserId): void {
    this.#authors.delete(author)
  }

  /** Whom the owner follows has changed: which of them are pulled must be asked anew. */
  forgetSet(): void {
    const known = this.#facts.get('pulled')
    if (known === null || known.hash === '' || known.hash === UNKNOWN_SET) return
    this.#facts.put('pulled', { ...known, hash: UNKNOWN_SET })
  }

  clear(): void {
    this.#facts.forget('pulled')
    this.#authors.clear()
  }
}
