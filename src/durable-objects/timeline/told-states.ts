import type { Telling, Unread } from '../../contracts/timeline.ts'

type Withdrawal = Extract<Telling, { type: 'notifications_withdrawn' }>
type Reading = Extract<Telling, { type: 'notifications_read' }>
type Arrival = Extract<Telling, { type: 'notification' }>

/** What a telling adds to what is known. */
export interface News {
  /** What of it is not outdated. */
  telling: Telling
  /** `count`: only that the number of unread ones has changed. `nothing`: only that what is known held later, too. */
  shows: 'telling' | 'count' | 'nothing'
}

/** A telling that was taken in. */
export interface Told extends News {
  seq: number
  /** The newest that was known by then. */
  unread: Unread | null
}

interface NotificationState {
  isWithdrawn: boolean
  /** As of which state of the inbox; of two, the newer one holds. */
  version: number
  /** Of the frame that showed it last. */
  seq: number
}

/**
 * What is known of the notifications, messages and conversations that were told of lately. Tellings may come late, twice
 * and in any order: each is told once, and what holds in the end is what the newest version says.
 */
export class ToldStates {
  readonly #notifications = new Map<number, NotificationState>()
  readonly #read = new Set<number>()
  readonly #messages = new Set<number>()
  /** By reader and sender, how far. */
  readonly #messagesRead = new Map<string, number>()
  #readUpTo = 0
  #unread: Unread | null = null

  get unread(): Unread | null {
    return this.#unread
  }

  /** The newest of what is known to be unread and what a telling says of it. */
  unreadWith(telling: Telling): Unread | null {
    return 'unread' in telling && this.#isNewer(telling.unread) ? telling.unread : this.#unread
  }

  /** Null when all of it is known, or outdated. */
  newsOf(telling: Telling): News | null {
    switch (telling.type) {
      case 'notification':
        return this.#newsOfArrival(telling)
      case 'notifications_withdrawn':
        return this.#newsOfWithdrawal(telling)
      case 'notifications_read':
        if (this.#movesOn(telling)) return { telling, shows: 'telling' }
        return this.#isNewer(telling.unread) ? this.#unshown(telling) : null
      case 'message':
        return this.#messages.has(telling.id) ? null : { telling, shows: 'telling' }
      case 'messages_read': {
        const known = this.#messagesRead.get(conversationOf(telling)) ?? 0
        return telling.upToId > known ? { telling, shows: 'telling' } : null
      }
    }
  }

  take({ telling, shows, seq, unread }: Told): void {
    this.#unread = unread
    switch (telling.type) {
      case 'notification': {
        const { id } = telling.notification
        const known = this.#notifications.get(id)
        const shownAt = shows === 'telling' ? seq : (known?.seq ?? 0)
        this.#notifications.set(id, { isWithdrawn: false, version: telling.unread.version, seq: shownAt })
        // Shown again, it may be read again.
        if (known?.isWithdrawn === true) this.#read.delete(id)
        return
      }
      case 'notifications_withdrawn':
        for (const id of telling.ids) {
          this.#notifications.set(id, { isWithdrawn: true, version: telling.unread.version, seq })
        }
        return
      case 'notifications_read':
        if (telling.id !== null) this.#read.add(telling.id)
        this.#readUpTo = Math.max(this.#readUpTo, telling.upToId ?? 0)
        return
      case 'message':
        this.#messages.add(telling.id)
        return
      case 'messages_read':
        this.#messagesRead.set(conversationOf(telling), telling.upToId)
    }
  }

  /** Whether what was told still holds: a notification that was withdrawn since is shown to nobody. */
  holds({ telling, shows, seq }: Told): boolean {
    if (shows !== 'telling' || telling.type !== 'notification') return true
    const known = this.#notifications.get(telling.notification.id)
    return known !== undefined && !known.isWithdrawn && known.seq === seq
  }

  #newsOfArrival(telling: Arrival): News | null {
    const { notification, unread } = telling
    const known = this.#notifications.get(notification.id)
    if (known === undefined) return { telling, shows: 'telling' }
    if (known.version >= unread.version) return null
    if (known.isWithdrawn) return { telling, shows: 'telling' }
    return this.#unshown({ ...telling, notification: { ...notification, json: '' } })
  }

  /** Of one state of the inbox that is told both ways the withdrawal holds, whichever comes first. */
  #newsOfWithdrawal(telling: Withdrawal): News | null {
    const { version } = telling.unread
    const known = telling.ids.map((id) => ({ id, state: this.#notifications.get(id) }))
    const holding = known.filter(({ state }) => {
      if (state === undefined || state.version < version) return true
      return state.version === version && !state.isWithdrawn
    })
    const held: Withdrawal = { ...telling, ids: holding.map(({ id }) => id) }
    if (holding.some(({ state }) => state?.isWithdrawn !== true)) return { telling: held, shows: 'telling' }
    return holding.length > 0 || this.#isNewer(telling.unread) ? this.#unshown(held) : null
  }

  #movesOn({ id, upToId }: Reading): boolean {
    if (upToId !== null && upToId > this.#readUpTo) return true
    return id !== null && id > this.#readUpTo && !this.#read.has(id)
  }

  /** It is kept for its version, which outranks what arrives late. */
  #unshown(telling: Arrival | Withdrawal | Reading): News {
    const { unread } = telling
    const isRecounted = this.#isNewer(unread) && unread.count !== this.#unread?.count
    return { telling, shows: isRecounted ? 'count' : 'nothing' }
  }

  #isNewer({ version }: Unread): boolean {
    return this.#unread === null || version > this.#unread.version
  }
}

function conversationOf({ readerId, otherId }: Extract<Telling, { type: 'messages_read' }>): string {
  return `${readerId}:${otherId}`
}
