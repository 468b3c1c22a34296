import { DurableObject } from 'cloudflare:workers'
import {
  type ApplyResult,
  type EndSessions,
  KEPT_ENTRIES,
  type MarkerResult,
  type PageRequest,
  type PageResult,
  type PullSet,
  type Refused,
  SOCKET_TICKET_HEADER,
  type SocketTicket,
  socketTicket,
  type TimelineOp,
  type TimelineRpc,
} from '../../contracts/timeline.ts'
import type { Card } from '../../contracts/tweet-json.ts'
import { connect, type Database, type Db, isUnavailable } from '../../db/client.ts'
import { readHidden } from '../../db/statements/hidden.ts'
import { pullTimeline, readBackfill } from '../../db/statements/home-timeline.ts'
import { commitCold, commitWarm } from '../../db/statements/timelines.ts'
import { MAX_ID, type UserId } from '../../domain/ids.ts'
import { createLogger, type Logger } from '../../domain/log.ts'
import type { Backfill } from './followees.ts'
import { type Hidden, NOTHING_HIDDEN, namedIn } from './judge-missed.ts'
import { missedSince, TimelineSockets } from './sockets.ts'
import { TimelineStore } from './store.ts'

const DAY_MS = 86_400_000
/** A timeline that nobody read for so long goes cold: fan-out no longer pays for it. */
const COOLS_AFTER_MS = 14 * DAY_MS
/** When cooling is tried again after the database was not there for it. */
const COOLS_AGAIN_AFTER_MS = DAY_MS / 24
const NO_PULLED_AUTHORS: PullSet = { authors: [], left: [] }
/** How long a read waits for tweets that an earlier failure left unread. */
const OVERDUE_DEADLINE_MS = 150

/** The part of the environment that an object reads. */
export interface TimelineSettings {
  database: Database
  databaseEpoch: number
}

/**
 * One user's timeline: a sorted cache of the newest entries and that user's sockets. A shell: storage is in
 * `TimelineStore`, sockets in `TimelineSockets`; here is only what takes time, and its order.
 */
export class Timeline extends DurableObject<Env> implements TimelineRpc {
  #opened: TimelineStore | null = null
  readonly #sockets: TimelineSockets
  readonly #db: Db
  readonly #databaseEpoch: number
  readonly #log: Logger
  #building: Promise<void> | null = null
  #catchingUp: Promise<unknown> | null = null

  constructor(context: DurableObjectState, env: Env, { database, databaseEpoch }: TimelineSettings) {
    super(context, env)
    this.#sockets = new TimelineSockets(context)
    this.#db = connect(database)
    this.#databaseEpoch = databaseEpoch
    this.#log = createLogger({ timeline: context.id.name })
  }

  /** Opened on first use, and anew after its storage was deleted. */
  get #store(): TimelineStore {
    this.#opened ??= new TimelineStore(this.ctx.storage, Number(this.ctx.id.name ?? 0) as UserId)
    return this.#opened
  }

  async apply(ops: TimelineOp[]): Promise<ApplyResult> {
    switch (this.#store.phase) {
      case 'cold':
        return { ok: true, state: 'cold' }
      case 'building':
        this.#store.log(ops)
        return { ok: true, state: 'building', ...this.#openSockets() }
      case 'warm': {
        this.#store.expireMutes(Date.now())
        const effects = ops.map((op) => this.#store.apply(op, Date.now()))
        const owed = effects.filter((effect) => effect?.type === 'backfill')
        this.#sockets.show(
          effects.filter((effect) => effect !== null && effect.type !== 'backfill'),
          this.#store,
          Date.now(),
        )
        return this.#answering(async () => {
          await this.#backfill(owed)
          return { ok: true, state: 'warm', ...this.#openSockets() }
        })
      }
    }
  }

  async page(request: PageRequest): Promise<PageResult> {
    return this.#answering(async () => {
      await this.#warm()
      if (!(await this.#takesPullSet(request))) return { ok: false, code: 'pull_set_outdated' }
      return { ok: true, page: this.#store.packedPage(request) }
    })
  }

  async marker(): Promise<MarkerResult> {
    return this.#answering(async () => {
      await this.#warm()
      return { ok: true, marker: this.#store.marker }
    })
  }

  async moveMarker(lastReadId: number): Promise<MarkerResult> {
    return this.#answering(async () => {
      await this.#warm()
      const moved = this.#store.moveMarker(lastReadId, Date.now())
      if (moved !== null) this.#sockets.show([moved], this.#store, Date.now())
      return { ok: true, marker: this.#store.marker }
    })
  }

  async keepCards(cards: Card[]): Promise<void> {
    if (this.#store.phase === 'warm') this.#store.keepCards(cards)
  }

  async endSessions(which: EndSessions): Promise<void> {
    this.#sockets.end(which)
  }

  async erase(): Promise<void> {
    this.#sockets.end({ sessionId: null, exceptSessionId: null })
    await this.ctx.storage.deleteAlarm()
    this.#opened = null
    await this.ctx.storage.deleteAll()
  }

  /** The socket upgrade. The Worker has authenticated it and says for whom in a header. */
  override async fetch(request: Request): Promise<Response> {
    const ticket = socketTicket.parse(JSON.parse(request.headers.get(SOCKET_TICKET_HEADER) ?? 'null'))
    const warmed = await this.#answering(async () => {
      await this.#warm()
      return { ok: true as const }
    })
    if (!warmed.ok) return new Response(null, { status: warmed.code === 'unavailable' ? 503 : 404 })
    const hidden = await this.#hiddenOfMissed(ticket)
    const { 0: client, 1: server } = new WebSocketPair()
    this.#sockets.accept(server, { ticket, hidden }, this.#store, Date.now())
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { 'sec-websocket-protocol': 'warbler.v1' },
    })
  }

  /**
   * What was missed was judged as it came, and its authors may be private, gone or behind a block by now. While the
   * database is away it is shown as it came, as home pages are.
   */
  async #hiddenOfMissed(ticket: SocketTicket): Promise<Hidden> {
    const named = namedIn(missedSince(ticket, this.#store) ?? [], this.#store.userId)
    if (named.tweets.length === 0 && named.people.length === 0) return NOTHING_HIDDEN
    try {
      const { tweets, people } = await readHidden(this.#db, this.#store.userId, named)
      return { tweets: new Set(tweets), people: new Set(people) }
    } catch (error) {
      if (!isUnavailable(error)) throw error
      this.#log.warn('missed_not_judged', { error })
      return NOTHING_HIDDEN
    }
  }

  override webSocketMessage(): void {
    // Clients have nothing to say but pings, which are answered without waking the object.
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code, reason)
  }

  /** Cools what nobody reads: cold here first, so that nothing is taken for kept; then the row; then the storage. */
  override async alarm(): Promise<void> {
    const staysUntilMs = this.#staysUntilMs()
    if (staysUntilMs > Date.now()) return this.ctx.storage.setAlarm(staysUntilMs)
    const { epoch, userId, marker } = this.#store
    this.#store.goCold()
    const committed = await this.#answering(async () => {
      await commitCold(this.#db, userId, epoch, marker)
      return { ok: true as const }
    })
    if (this.#store.phase !== 'cold') return
    if (!committed.ok) return this.ctx.storage.setAlarm(Date.now() + COOLS_AGAIN_AFTER_MS)
    this.#opened = null
    await this.ctx.storage.deleteAll()
  }

  /** A timeline that somebody is reading stays; so does one that was read lately. */
  #staysUntilMs(): number {
    if (this.#building !== null || !this.#sockets.isEmpty) return Date.now() + COOLS_AFTER_MS
    return this.#store.phase === 'warm' ? this.#store.readAtMs + COOLS_AFTER_MS : 0
  }

  /** Builds the timeline unless it is warm. Reads at the same time wait for the same build. */
  async #warm(): Promise<void> {
    const isWarm = this.#store.phase === 'warm' && this.#store.databaseEpoch === this.#databaseEpoch
    if (isWarm) {
      this.#store.expireMutes(Date.now())
      await this.#backfillOverdue()
    } else {
      this.#building ??= this.#build().finally(() => {
        this.#building = null
      })
      await this.#building
    }
    await this.#noteRead()
  }

  /** False when the asker knows a newer set of pulled authors and did not say which. The empty set says itself. */
  async #takesPullSet({ pullSet }: PageRequest): Promise<boolean> {
    if (pullSet === undefined || !this.#store.lacksPullSet(pullSet)) return true
    const set = pullSet.set ?? (pullSet.hash === '' ? NO_PULLED_AUTHORS : null)
    if (set === null) return false
    this.#store.takePullSet(set, pullSet)
    await this.#backfillOverdue()
    return true
  }

  /** Reads what an earlier failure left unread. What is here is served all the same when it fails again, or is slow. */
  async #backfillOverdue(): Promise<void> {
    const overdue = this.#store.unfilled()
    if (overdue.length === 0) return
    this.#catchingUp ??= this.#backfill(overdue)
      .catch((error: unknown) => this.#log.warn('backfill_failed', { error }))
      .finally(() => {
        this.#catchingUp = null
      })
    await Promise.race([this.#catchingUp, elapsed(OVERDUE_DEADLINE_MS)])
  }

  /**
   * The order is what makes it complete: (1) keep what arrives from now on; (2) commit that this timeline is warm,
   * so that fan-out that looks later delivers here; (3) pull, which sees all that was committed before; (4) replay
   * what arrived meanwhile.
   */
  async #build(): Promise<void> {
    const startMs = Date.now()
    const { userId } = this.#store
    this.#store.beginBuild()
    // Set before there is a row to take back: a build that fails and is never tried again is cooled, too.
    await this.ctx.storage.setAlarm(startMs + COOLS_AFTER_MS)
    const epoch = await commitWarm(this.#db, userId, startMs)
    if (epoch === null) throw new BuildRefused('user_not_found')
    this.#store.noteEpoch(epoch)
    const pulled = await pullTimeline(this.#db, userId, {
      before: MAX_ID,
      nowMs: startMs,
      limit: KEPT_ENTRIES,
    })
    const finished = this.#store.finishBuild(pulled, {
      databaseEpoch: this.#databaseEpoch,
      nowMs: Date.now(),
    })
    if (!finished) throw new BuildRefused('unavailable')
    this.#sockets.reset(this.#store)
    this.#log.info('timeline_built', {
      epoch,
      entries: pulled.entries.length,
      duration_ms: Date.now() - startMs,
    })
    await this.#backfillOverdue()
  }

  /** Reads the newest tweets of authors who were just followed. After the follow's commit, so that none is missed. */
  async #backfill(owed: readonly Backfill[]): Promise<void> {
    for (const backfill of owed) {
      const pulled = await readBackfill(this.#db, this.#store.userId, backfill.userId, {
        before: MAX_ID,
        nowMs: Date.now(),
        limit: KEPT_ENTRIES,
      })
      this.#store.backfill(backfill, pulled, KEPT_ENTRIES)
    }
  }

  #openSockets(): { sockets?: number } {
    const { openCount } = this.#sockets
    return openCount === 0 ? {} : { sockets: openCount }
  }

  /** A day's first read is written down; the others cost nothing. */
  async #noteRead(): Promise<void> {
    const nowMs = Date.now()
    if (nowMs - this.#store.readAtMs < DAY_MS) return
    this.#store.noteRead(nowMs)
    await this.ctx.storage.setAlarm(nowMs + COOLS_AFTER_MS)
  }

  /** An unreachable database is an expected failure, as is a user who is gone: they cross RPC as data. */
  async #answering<Result>(run: () => Promise<Result>): Promise<Result | Refused> {
    try {
      return await run()
    } catch (error) {
      if (error instanceof BuildRefused) return { ok: false, code: error.code }
      if (!isUnavailable(error)) throw error
      this.#log.warn('database_unavailable', { error })
      return { ok: false, code: 'unavailable' }
    }
  }
}

/** A build that cannot be finished: the owner is gone, or more arrived meanwhile than is kept. */
class BuildRefused extends Error {
  readonly code: Refused['code']

  constructor(code: Refused['code']) {
    super(`No timeline was built: ${code}`)
    this.code = code
  }
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
