import { DurableObject } from 'cloudflare:workers'
import {
  type ApplyResult,
  type Card,
  type EndSessions,
  KEPT_ENTRIES,
  type PageRequest,
  type PageResult,
  SOCKET_TICKET_HEADER,
  socketTicket,
  type TimelineOp,
  type TimelineRpc,
} from '../../contracts/timeline.ts'
import { connect, type Database, type Db, isUnavailable } from '../../db/client.ts'
import { commitCold, commitWarm, pullTimeline, readBackfill } from '../../db/statements/home-timeline.ts'
import { MAX_ID, type UserId } from '../../domain/ids.ts'
import { createLogger, type Logger } from '../../domain/log.ts'
import { TimelineSockets } from './sockets.ts'
import { type Effect, TimelineStore } from './store.ts'

const DAY_MS = 86_400_000
/** A timeline that nobody read for so long goes cold: fan-out no longer pays for it. */
const COOLS_AFTER_MS = 14 * DAY_MS

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
        return { ok: true, state: 'building' }
      case 'warm': {
        const effects = ops.map((op) => this.#store.apply(op, Date.now()))
        this.#sockets.show(effects, this.#store.epoch)
        return this.#answering(async () => {
          await this.#backfill(effects)
          return { ok: true, state: 'warm' }
        })
      }
    }
  }

  async page(request: PageRequest): Promise<PageResult> {
    return this.#answering(async () => {
      await this.#warm()
      return { ok: true, page: this.#store.page(request) }
    })
  }

  async keepCards(cards: Card[]): Promise<void> {
    if (this.#store.phase === 'warm') this.#store.keepCards(cards)
  }

  async endSessions(which: EndSessions): Promise<void> {
    this.#sockets.end(which)
  }

  /** The socket upgrade. The Worker has authenticated it and says for whom in a header. */
  override async fetch(request: Request): Promise<Response> {
    const ticket = socketTicket.parse(JSON.parse(request.headers.get(SOCKET_TICKET_HEADER) ?? 'null'))
    const warmed = await this.#answering(async () => {
      await this.#warm()
      return { ok: true as const }
    })
    if (!warmed.ok) return new Response(null, { status: 503 })
    const { 0: client, 1: server } = new WebSocketPair()
    this.#sockets.accept(server, ticket, this.#store, Date.now())
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { 'sec-websocket-protocol': 'warbler.v1' },
    })
  }

  override webSocketMessage(): void {
    // Clients have nothing to say but pings, which are answered without waking the object.
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code, reason)
  }

  /** Cools what nobody reads: cold here first, so that nothing is taken for kept; then the row; then the storage. */
  override async alarm(): Promise<void> {
    const unreadSinceMs = Date.now() - this.#store.readAtMs
    if (this.#store.phase === 'warm' && (unreadSinceMs < COOLS_AFTER_MS || !this.#sockets.isEmpty)) {
      await this.ctx.storage.setAlarm(Date.now() + COOLS_AFTER_MS)
      return
    }
    const { epoch, userId } = this.#store
    this.#store.goCold()
    await commitCold(this.#db, userId, epoch)
    if (this.#store.phase !== 'cold') return
    await this.ctx.storage.deleteAll()
    this.#opened = null
  }

  /** Builds the timeline unless it is warm. Reads at the same time wait for the same build. */
  async #warm(): Promise<void> {
    const isWarm = this.#store.phase === 'warm' && this.#store.databaseEpoch === this.#databaseEpoch
    if (isWarm) {
      await this.#backfillOverdue()
    } else {
      this.#building ??= this.#build().finally(() => {
        this.#building = null
      })
      await this.#building
    }
    await this.#noteRead()
  }

  /** Reads what an earlier failure left unread. What is here is served all the same when it fails again. */
  async #backfillOverdue(): Promise<void> {
    const overdue = this.#store.unfilled()
    if (overdue.length === 0) return
    await this.#answering(async () => {
      await this.#backfill(overdue.map((userId) => ({ type: 'backfill', userId })))
      return { ok: true }
    })
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
    const epoch = await commitWarm(this.#db, userId, startMs)
    this.#store.noteEpoch(epoch)
    const pulled = await pullTimeline(this.#db, userId, {
      before: MAX_ID,
      nowMs: startMs,
      limit: KEPT_ENTRIES,
    })
    const effects = this.#store.finishBuild(pulled, {
      databaseEpoch: this.#databaseEpoch,
      nowMs: Date.now(),
    })
    if (effects === null) throw new Error('The build was given up: too much arrived while it ran')
    this.#sockets.reset(this.#store)
    await this.ctx.storage.setAlarm(Date.now() + COOLS_AFTER_MS)
    this.#log.info('timeline_built', {
      epoch,
      entries: pulled.entries.length,
      duration_ms: Date.now() - startMs,
    })
    await this.#backfill(effects)
  }

  /** Reads the newest tweets of authors who were just followed. After the follow's commit, so that none is missed. */
  async #backfill(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      if (effect?.type !== 'backfill') continue
      const entries = await readBackfill(this.#db, this.#store.userId, effect.userId, KEPT_ENTRIES)
      this.#store.backfill(effect.userId, entries, KEPT_ENTRIES)
    }
  }

  /** A day's first read is written down; the others cost nothing. */
  async #noteRead(): Promise<void> {
    const nowMs = Date.now()
    if (nowMs - this.#store.readAtMs < DAY_MS) return
    this.#store.noteRead(nowMs)
    await this.ctx.storage.setAlarm(nowMs + COOLS_AFTER_MS)
  }

  /** An unreachable database is an expected failure: it crosses RPC as data. */
  async #answering<Result>(run: () => Promise<Result>): Promise<Result | { ok: false; code: 'unavailable' }> {
    try {
      return await run()
    } catch (error) {
      if (!isUnavailable(error)) throw error
      this.#log.warn('database_unavailable', { error })
      return { ok: false, code: 'unavailable' }
    }
  }
}
