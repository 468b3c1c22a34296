import { z } from 'zod'
import {
  type Card,
  KEPT_CARDS,
  KEPT_ENTRIES,
  type PageEntry,
  type PageRequest,
  type TimelineOp,
  type TimelinePage,
} from '../../contracts/timeline.ts'
import { type Counts, NO_COUNTS } from '../../contracts/tweet-json.ts'
import type { PulledEntry, PulledTimeline } from '../../db/statements/home-timeline.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { EntryList, type KeptEntry } from './entry-list.ts'
import { migrate } from './migrations.ts'

/** Trimming every so many entries or tombstones rather than at each keeps the rows of an operation near one. */
const TRIM_SLACK = 50
/** A deletion outlives any message that could still deliver its tweet. */
const TOMBSTONE_KEPT_MS = 7 * 86_400_000
const TOMBSTONES_MAX = 1000
/** Operations that a build may miss before it is given up as never finished. */
const LOG_MAX = 2000

export type Phase = 'cold' | 'building' | 'warm'

interface State {
  phase: Phase
  userId: UserId
  epoch: number
  databaseEpoch: number
  graphVersion: number
  floor: number
  resumableAfter: number
  readAtMs: number
}

interface Followee {
  version: number
  following: boolean
  backfilled: boolean
}

/** What became of one operation: the frames it is shown by, and the author whose newest tweets are to be read. */
export type Effect =
  | { type: 'shown'; entry: KeptEntry }
  | { type: 'taken_back'; tweetId: TweetId; seq: number }
  | Backfill
  | null

/** That an author's newest tweets are to be read, as of one follow of theirs. */
export interface Backfill {
  type: 'backfill'
  userId: UserId
  version: number
}

const countsText = z.object({
  likes: z.number(),
  retweets: z.number(),
  replies: z.number(),
  quotes: z.number(),
  bookmarks: z.number(),
})

/**
 * A timeline's storage, mirrored in memory: all of its SQL. Every method is synchronous, so nothing comes
 * between its reads and its writes, and what one call wrote is committed together.
 */
export class TimelineStore {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  #state: State
  #entries = new EntryList()
  readonly #followees = new Map<UserId, Followee>()
  readonly #dropped = new Set<UserId>()
  readonly #tombstones = new Map<TweetId, { seq: number }>()
  #seq = 0

  constructor(storage: DurableObjectStorage, userId: UserId) {
    this.#storage = storage
    this.#sql = storage.sql
    migrate(storage)
    this.#state = this.#readState() ?? coldState(userId)
    if (this.#state.phase === 'warm') this.#load()
  }

  get phase(): Phase {
    return this.#state.phase
  }

  get userId(): UserId {
    return this.#state.userId
  }

  get epoch(): number {
    return this.#state.epoch
  }

  get databaseEpoch(): number {
    return this.#state.databaseEpoch
  }

  /** The newest frame's place in the order of arrival. */
  get seq(): number {
    return this.#seq
  }

  get readAtMs(): number {
    return this.#state.readAtMs
  }

  noteRead(nowMs: number): void {
    this.#saveState({ readAtMs: nowMs })
  }

  // --- Cold builds ---

  /** From now on operations are kept in the log. What an older build left is forgotten. */
  beginBuild(): void {
    this.#storage.transactionSync(() => {
      this.#forget()
      this.#saveState({ phase: 'building' })
    })
  }

  /** The build's epoch is committed: whatever becomes of the build, cooling must take back this one. */
  noteEpoch(epoch: number): void {
    this.#saveState({ epoch })
  }

  /** Keeps an operation that arrived during a build. Too many, and the build is given up: the next read starts anew. */
  log(ops: readonly TimelineOp[]): void {
    for (const op of ops) this.#sql.exec('insert into log (op) values (?)', JSON.stringify(op))
    const { n } = this.#sql.exec('select count(*) as n from log').one()
    if (Number(n) > LOG_MAX) this.goCold()
  }

  /**
   * Takes over what was pulled and replays the log over it, in one commit. Answers false when the build was given up
   * meanwhile. Whose newest tweets the replay owes, `unfilled` says.
   */
  finishBuild(
    pulled: PulledTimeline,
    { databaseEpoch, nowMs }: { databaseEpoch: number; nowMs: number },
  ): boolean {
    if (this.#state.phase !== 'building') return false
    this.#storage.transactionSync(() => {
      const complete = pulled.entries.length < KEPT_ENTRIES
      const oldest = pulled.entries.at(-1)?.id ?? 0
      for (const userId of pulled.followees) {
        this.#putFollowee(userId, { version: pulled.graph_version, following: true, backfilled: true })
      }
      for (const userId of pulled.dropped) this.#drop(userId)
      for (const entry of pulled.entries) this.#writeEntry(fromPulled(entry))
      this.#entries = new EntryList(pulled.entries.map(fromPulled))
      this.#seq = 0
      this.#saveState({
        phase: 'warm',
        databaseEpoch,
        graphVersion: pulled.graph_version,
        floor: complete ? 0 : oldest,
        resumableAfter: 0,
        readAtMs: nowMs,
      })
      const missed = this.#sql.exec<{ op: string }>('select op from log order by n').toArray()
      this.#sql.exec('delete from log')
      for (const { op } of missed) this.apply(JSON.parse(op) as TimelineOp, nowMs)
    })
    return true
  }

  goCold(): void {
    this.#storage.transactionSync(() => {
      this.#forget()
      this.#saveState({ phase: 'cold' })
    })
  }

  // --- Operations, each of which may come late, twice, or out of order ---

  apply(op: TimelineOp, nowMs: number): Effect {
    switch (op.type) {
      case 'deliver':
        return this.#deliver(op)
      case 'retract':
        return this.#retract(op.tweetId, nowMs)
      case 'follow':
        return this.#follow(op.userId, op.version)
      case 'unfollow':
        return this.#unfollow(op.userId, op.version)
    }
  }

  /** Followees whose newest tweets are still to be read. */
  unfilled(): Backfill[] {
    return [...this.#followees].flatMap(([userId, { version, following, backfilled }]) =>
      following && !backfilled ? [{ type: 'backfill' as const, userId, version }] : [],
    )
  }

  /**
   * Merges an author's newest entries, unless the author was unfollowed while they were read. Followed again since,
   * too: what was delivered between the two is in the second follow's backfill alone.
   */
  backfill({ userId, version }: Backfill, entries: readonly PulledEntry[], limit: number): void {
    const followee = this.#followees.get(userId)
    if (followee === undefined || !followee.following || followee.backfilled) return
    if (followee.version !== version) return
    this.#storage.transactionSync(() => {
      for (const pulled of entries) {
        const entry = fromPulled(pulled)
        if (this.#accepts(entry)) this.#insert(entry)
      }
      // The author's older entries are not here: nor is then anything else below the oldest of these.
      const oldest = entries.at(-1)
      if (oldest !== undefined && entries.length === limit) this.#raiseFloor(oldest.id)
      this.#putFollowee(userId, { ...followee, backfilled: true })
      this.#trim()
    })
  }

  // --- Reads ---

  page({ before, offset, limit }: PageRequest): TimelinePage {
    const found = this.#entries.slice(before, offset, limit + 1)
    const entries = found.slice(0, limit).map((entry) => this.#shown(entry))
    return { entries, hasMore: found.length > limit, floor: this.#state.floor, kept: this.#entries.size }
  }

  /** Gives entries the cards they lacked or had outdated. Costs a written row each. */
  keepCards(cards: readonly Card[]): void {
    for (const card of cards) {
      const entry = this.#entries.byTweet(card.tweetId)
      if (entry === null) continue
      if (this.#entries.ranksAmongCards(entry)) entry.card = card
      this.#sql.exec(
        'update entries set revision = ?, counts = ?, card = ? where id = ?',
        card.revision,
        JSON.stringify(card.counts),
        card.json,
        entry.id,
      )
    }
  }

  /**
   * What was shown after `seq`, in the order of arrival; null when that is no longer known, or lacks a card.
   */
  shownSince(seq: number): Exclude<Effect, { type: 'backfill' } | null>[] | null {
    if (seq < this.#state.resumableAfter || seq > this.#seq) return null
    const missed: Exclude<Effect, { type: 'backfill' } | null>[] = []
    for (const entry of this.#entries.newestFirst) {
      if (entry.seq <= seq) continue
      const withCard = { ...entry, card: this.#cardOf(entry) }
      if (withCard.card === null) return null
      missed.push({ type: 'shown', entry: withCard })
    }
    for (const [tweetId, tombstone] of this.#tombstones) {
      if (tombstone.seq > seq) missed.push({ type: 'taken_back', tweetId, seq: tombstone.seq })
    }
    return missed.sort((a, b) => seqOf(a) - seqOf(b))
  }

  // --- One operation each ---

  #deliver({ entry, card }: Extract<TimelineOp, { type: 'deliver' }>): Effect {
    const kept: KeptEntry = { ...entry, flags: 0, seq: 0, card }
    if (!this.#accepts(kept)) return null
    kept.seq = ++this.#seq
    this.#insert(kept)
    this.#trim()
    return { type: 'shown', entry: kept }
  }

  #retract(tweetId: TweetId, nowMs: number): Effect {
    if (this.#tombstones.has(tweetId)) return null
    const entry = this.#entries.byTweet(tweetId)
    if (entry !== null) this.#remove(entry)
    const seq = ++this.#seq
    this.#sql.exec('insert into tombstones (tweet_id, seq, at) values (?, ?, ?)', tweetId, seq, nowMs)
    this.#tombstones.set(tweetId, { seq })
    this.#expireTombstones(nowMs)
    return { type: 'taken_back', tweetId, seq }
  }

  #follow(userId: UserId, version: number): Effect {
    const known = this.#followees.get(userId)
    if (this.#isOutdated(known, version)) {
      const isOwed = known?.following === true && !known.backfilled
      return isOwed ? { type: 'backfill', userId, version: known.version } : null
    }
    this.#putFollowee(userId, { version, following: true, backfilled: false })
    return { type: 'backfill', userId, version }
  }

  #unfollow(userId: UserId, version: number): Effect {
    if (this.#isOutdated(this.#followees.get(userId), version)) return null
    this.#putFollowee(userId, { version, following: false, backfilled: true })
    for (const entry of this.#entries.of(userId)) this.#remove(entry)
    this.#saveState({})
    return null
  }

  #isOutdated(known: Followee | undefined, version: number): boolean {
    return version <= Math.max(known?.version ?? 0, this.#state.graphVersion)
  }

  /** Whether an entry has its place here: new, above the floor, not taken back, and by someone to be heard. */
  #accepts(entry: KeptEntry): boolean {
    if (entry.id < this.#state.floor || this.#entries.has(entry.id)) return false
    if (this.#tombstones.has(entry.tweetId)) return false
    const by = entry.retweeterId ?? entry.authorId
    return this.#hears(by) && !this.#dropped.has(by) && !this.#dropped.has(entry.authorId)
  }

  #hears(userId: UserId): boolean {
    return userId === this.#state.userId || this.#followees.get(userId)?.following === true
  }

  // --- Storage and its mirror ---

  /** Storage first here and below: a mirror ahead of a write that failed would take its repetition for done. */
  #insert(entry: KeptEntry): void {
    this.#writeEntry(entry)
    this.#entries.insert(entry)
  }

  #writeEntry({ id, tweetId, authorId, retweeterId, flags, seq, card }: KeptEntry): void {
    this.#sql.exec(
      `insert into entries (id, tweet_id, author_id, retweeter_id, flags, seq, revision, counts, card)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      tweetId,
      authorId,
      retweeterId,
      flags,
      seq,
      card?.revision ?? null,
      card === null ? null : JSON.stringify(card.counts),
      card?.json ?? null,
    )
  }

  #remove(entry: KeptEntry): void {
    this.#sql.exec('delete from entries where id = ?', entry.id)
    this.#entries.remove(entry)
  }

  #trim(): void {
    if (this.#entries.size <= KEPT_ENTRIES + TRIM_SLACK) return
    const trimmed = this.#entries.trim(KEPT_ENTRIES)
    this.#raiseFloor(this.#entries.newestFirst.at(-1)?.id ?? 0)
    this.#forgetSeqs(trimmed)
  }

  /** Entries below the floor are not kept: something between them and it would be missing. */
  #raiseFloor(floor: number): void {
    if (floor <= this.#state.floor) return
    const below = this.#entries.newestFirst.filter((entry) => entry.id < floor)
    for (const entry of below) this.#entries.remove(entry)
    this.#forgetSeqs(below)
    this.#sql.exec('delete from entries where id < ?', floor)
    this.#saveState({ floor })
  }

  /** Frames that cannot be shown again: whoever has not seen them must start anew. */
  #forgetSeqs(entries: readonly KeptEntry[]): void {
    const newest = Math.max(0, ...entries.map(({ seq }) => seq))
    if (newest > this.#state.resumableAfter) this.#saveState({ resumableAfter: newest })
  }

  #expireTombstones(nowMs: number): void {
    const { size } = this.#tombstones
    if (size <= TOMBSTONES_MAX || size % TRIM_SLACK !== 0) return
    const old = this.#sql
      .exec<{ tweet_id: number; seq: number }>(
        'delete from tombstones where at < ? returning tweet_id, seq',
        nowMs - TOMBSTONE_KEPT_MS,
      )
      .toArray()
    for (const { tweet_id } of old) this.#tombstones.delete(tweet_id as TweetId)
    const newest = Math.max(0, ...old.map(({ seq }) => seq))
    if (newest > this.#state.resumableAfter) this.#saveState({ resumableAfter: newest })
  }

  #putFollowee(userId: UserId, followee: Followee): void {
    this.#sql.exec(
      `insert into followees (user_id, version, following, backfilled) values (?, ?, ?, ?)
       on conflict (user_id) do update
       set version = excluded.version, following = excluded.following, backfilled = excluded.backfilled`,
      userId,
      followee.version,
      Number(followee.following),
      Number(followee.backfilled),
    )
    this.#followees.set(userId, followee)
  }

  #drop(userId: UserId): void {
    this.#dropped.add(userId)
    this.#sql.exec('insert or ignore into dropped (user_id) values (?)', userId)
  }

  #shown(entry: KeptEntry): PageEntry {
    const { id, tweetId, authorId, retweeterId, flags } = entry
    const card = this.#cardOf(entry)
    return { id, tweetId, authorId, retweeterId, flags, card, ofFollowee: this.#hears(authorId) }
  }

  /** An entry that has moved up among the newest, because others were taken back, finds its card in storage. */
  #cardOf(entry: KeptEntry): Card | null {
    if (entry.card !== null) return entry.card
    const card = this.#readCard(entry)
    if (this.#entries.ranksAmongCards(entry)) entry.card = card
    return card
  }

  #readCard({ id, tweetId }: KeptEntry): Card | null {
    const [row] = this.#sql.exec<CardRow>('select revision, counts, card from entries where id = ?', id)
    return row === undefined ? null : toCard(tweetId, row)
  }

  #forget(): void {
    for (const table of ['entries', 'tombstones', 'followees', 'dropped', 'log']) {
      this.#sql.exec(`delete from ${table}`)
    }
    this.#entries = new EntryList()
    this.#followees.clear()
    this.#dropped.clear()
    this.#tombstones.clear()
    this.#seq = 0
  }

  #load(): void {
    const rows = this.#sql.exec<EntryRow>(
      `select id, tweet_id, author_id, retweeter_id, flags, seq,
              case when n <= ${KEPT_CARDS} then revision end as revision,
              case when n <= ${KEPT_CARDS} then counts end as counts,
              case when n <= ${KEPT_CARDS} then card end as card
       from (select *, row_number() over (order by id desc) as n from entries)
       order by id desc`,
    )
    this.#entries = new EntryList([...rows].map(fromRow))
    for (const row of this.#sql.exec('select user_id, version, following, backfilled from followees')) {
      this.#followees.set(Number(row.user_id) as UserId, {
        version: Number(row.version),
        following: row.following === 1,
        backfilled: row.backfilled === 1,
      })
    }
    for (const row of this.#sql.exec('select user_id from dropped'))
      this.#dropped.add(Number(row.user_id) as UserId)
    for (const row of this.#sql.exec('select tweet_id, seq from tombstones')) {
      this.#tombstones.set(Number(row.tweet_id) as TweetId, { seq: Number(row.seq) })
    }
    this.#seq = Math.max(
      this.#seq,
      ...this.#entries.newestFirst.map(({ seq }) => seq),
      ...[...this.#tombstones.values()].map(({ seq }) => seq),
    )
  }

  #readState(): State | null {
    const [row] = this.#sql.exec('select * from state')
    if (row === undefined) return null
    this.#seq = Number(row.seq)
    return {
      phase: z.enum(['cold', 'building', 'warm']).parse(row.phase),
      userId: Number(row.user_id) as UserId,
      epoch: Number(row.epoch),
      databaseEpoch: Number(row.database_epoch),
      graphVersion: Number(row.graph_version),
      floor: Number(row.floor),
      resumableAfter: Number(row.resumable_after),
      readAtMs: Number(row.read_at),
    }
  }

  #saveState(changes: Partial<State>): void {
    this.#state = { ...this.#state, ...changes }
    const { phase, userId, epoch, databaseEpoch, graphVersion, floor, resumableAfter, readAtMs } = this.#state
    this.#sql.exec(
      'insert or replace into state values (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      phase,
      userId,
      epoch,
      databaseEpoch,
      graphVersion,
      floor,
      this.#seq,
      resumableAfter,
      readAtMs,
    )
  }
}

type CardRow = { revision: string | null; counts: string | null; card: string | null }
type EntryRow = CardRow & {
  id: number
  tweet_id: number
  author_id: number
  retweeter_id: number | null
  flags: number
  seq: number
}

function coldState(userId: UserId): State {
  return {
    phase: 'cold',
    userId,
    epoch: 0,
    databaseEpoch: 0,
    graphVersion: 0,
    floor: 0,
    resumableAfter: 0,
    readAtMs: 0,
  }
}

function fromPulled({ id, tweet_id, author_id, flags }: PulledEntry): KeptEntry {
  return { id, tweetId: tweet_id, authorId: author_id, retweeterId: null, flags, seq: 0, card: null }
}

function fromRow(row: EntryRow): KeptEntry {
  const tweetId = row.tweet_id as TweetId
  return {
    id: row.id as EntryId,
    tweetId,
    authorId: row.author_id as UserId,
    retweeterId: row.retweeter_id as UserId | null,
    flags: row.flags,
    seq: row.seq,
    card: toCard(tweetId, row),
  }
}

function toCard(tweetId: TweetId, { revision, counts, card }: CardRow): Card | null {
  if (revision === null || card === null) return null
  const known: Counts = counts === null ? NO_COUNTS : countsText.parse(JSON.parse(counts))
  return { tweetId, revision, json: card, counts: known }
}

function seqOf(effect: Exclude<Effect, { type: 'backfill' } | null>): number {
  return effect.type === 'shown' ? effect.entry.seq : effect.seq
}
