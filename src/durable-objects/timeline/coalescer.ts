/** Frames of one kind go out at most once in this time. */
export const COALESCED_MS = 1000

interface Coalesced {
  seq: number
}

interface Window<Item> {
  /** When something of its kind went out last. */
  sinceMs: number
  /** Oldest first. */
  waiting: Item[]
}

/**
 * Keeps the time of frames that may come in floods: the first of a kind goes out at once, those that follow within a
 * second wait for its end and go out together. It has no clock: it is told the time.
 */
export class Coalescer<Item extends Coalesced> {
  /** Those that went out longest ago first. */
  readonly #windows = new Map<string, Window<Item>>()

  /** Whether the item goes out at once; if not, it waits. */
  offer(kind: string, item: Item, nowMs: number): boolean {
    this.#forgetOver(nowMs)
    const window = this.#windows.get(kind)
    if (window === undefined) {
      this.#windows.set(kind, { sinceMs: nowMs, waiting: [] })
      return true
    }
    window.waiting.push(item)
    return false
  }

  /** Takes out of what waits. */
  drop(isDropped: (item: Item) => boolean): void {
    for (const window of this.#windows.values()) {
      window.waiting = window.waiting.filter((item) => !isDropped(item))
    }
  }

  /** What has waited long enough, a kind at a time, oldest first. Each waits until it is asked for. */
  *due(nowMs: number): Generator<Item[]> {
    const over = [...this.#windows].filter(([, window]) => isOver(window, nowMs))
    for (const [kind, { waiting }] of over) {
      this.#windows.delete(kind)
      if (waiting.length === 0) continue
      this.#windows.set(kind, { sinceMs: nowMs, waiting: [] })
      yield waiting
    }
  }

  /** In how many milliseconds something is due; null when nothing waits. */
  dueInMs(nowMs: number): number | null {
    for (const window of this.#windows.values()) {
      if (window.waiting.length === 0) continue
      return isOver(window, nowMs) ? 0 : window.sinceMs + COALESCED_MS - nowMs
    }
    return null
  }

  /** The lowest seq that waits; infinity when nothing does. */
  get oldestSeq(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const { waiting } of this.#windows.values()) oldest = Math.min(oldest, waiting[0]?.seq ?? oldest)
    return oldest
  }

  *waiting(): Generator<Item> {
    for (const { waiting } of this.#windows.values()) yield* waiting
  }

  clear(): void {
    this.#windows.clear()
  }

  #forgetOver(nowMs: number): void {
    for (const [kind, window] of this.#windows) {
      if (!isOver(window, nowMs)) return
      if (window.waiting.length === 0) this.#windows.delete(kind)
    }
  }
}

/** A clock that was set back ends it, too. */
function isOver({ sinceMs }: Window<unknown>, nowMs: number): boolean {
  return nowMs < sinceMs || nowMs >= sinceMs + COALESCED_MS
}
