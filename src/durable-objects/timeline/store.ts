import type { PackedPage } from '../../contracts/packed-page.ts'
import {
  type HomeMarker,
  KEPT_ENTRIES,
  type MutedWords,
  type PageEntry,
  type PageRequest,
  type PullSet,
  type ReaderPreferences,
  type Telling,
  type TimelineOp,
  type TimelinePage,
  type TweetFlags,
} from '../../contracts/timeline.ts'
import { type Card, cardIsMuted, isHiddenBody, isSensitiveBody } from '../../contracts/tweet-json.ts'
import type { PulledEntries, PulledEntry, PulledTimeline } from '../../db/statements/home-timeline.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { mutedWordsMatcher } from '../../domain/muted-words.ts'
import { isHiddenAsSensitive } from '../../domain/sensitive.ts'
import { Dropped } from './dropped.ts'
import type { EntryList, KeptEntry } from './entry-list.ts'
import { FactsTable } from './facts.ts'
import { FlagsTable } from './flags.ts'
import { type Backfill, Followees } from './followees.ts'
import { KeptEntries } from './kept-entries.ts'
import { LiveLog, shownOf } from './live-log.ts'
import { Marks } from './marks.ts'
import { migrate } from './migrations.ts'
import { type PageSource, readPackedPage, readPage } from './page.ts'
import { PulledFollowees } from './pulled-followees.ts'
import type { Effect, Shown } from './shown.ts'
import { type Phase, StateRow } from './state.ts'

/** Trimming every so many entries rather than at each keeps the rows written for a delivery near one. */
const TRIM_SLACK = 50
/** Operations that a build may miss before it is given up as never finished. */
const LOG_MAX = 2000

/**
 * A timeline's storage, mirrored in memory: all of its SQL is in here and in the tables it is made of. Every method is
 * synchronous, so nothing comes between its reads and its writes, and what one call wrote is committed together.
 */
export class TimelineStore {
  readonly #storage: DurableObjectStorage
  readonly #state: StateRow
  readonly #kept: KeptEntries
  readonly #followees: Followees
  readonly #marks: Marks
  readonly #flags: FlagsTable
  readonly #facts: FactsTable
  readonly #pulled: PulledFollowees
  readonly #live: LiveLog
  readonly #dropped: Dropped
  #seq = 0

  constructor(storage: DurableObjectStorage, userId: UserId) {
    this.#storage = storage
    migrate(storage)
    this.#state = new StateRow(storage.sql, userId)
    this.#kept = new KeptEntries(storage.sql)
    this.#followees = new Followees(storage.sql)
    this.#marks = new Marks(storage.sql)
    this.#flags = new FlagsTable(storage.sql)
    this.#facts = new FactsTable(storage.sql)
    this.#pulled = new PulledFollowees(this.#facts)
    this.#live = new LiveLog(storage.sql)
    this.#dropped = new Dropped(storage.sql)
    if (this.phase === 'warm') this.#load()
  }

  get #entries(): EntryList {
    return this.#kept.list
  }

  get phase(): Phase {
    return this.#state.current.phase
  }

  get userId(): UserId {
    return this.#state.current.userId
  }

  get epoch(): number {
    return this.#state.current.epoch
  }

  get databaseEpoch(): number {
    return this.#state.current.databaseEpoch
  }

  /** The newest frame's place in the order of arrival. */
  get seq(): number {
    return this.#seq
  }

  /** How many notifications are unread, as far as it was told. */
  get unreadCount(): number {
    return this.#live.unreadCount
  }

  get readAtMs(): number {
    return this.#state.current.readAtMs
  }

  noteRead(nowMs: number): void {
    this.#save({ readAtMs: nowMs })
  }

  // --- Cold builds ---

  /** From now on operations are kept in the log. What an older build left is forgotten. */
  beginBuild(): void {
    this.#storage.transactionSync(() => {
      this.#forget()
      this.#save({ phase: 'building' })
    })
  }

  /** The build's epoch is committed: whatever becomes of the build, cooling must take back this one. */
  noteEpoch(epoch: number): void {
    this.#save({ epoch })
  }

  /** Keeps an operation that arrived during a build. Too many, and the build is given up: the next read starts anew. */
  log(ops: readonly TimelineOp[]): void {
    const { sql } = this.#storage
    for (const op of ops) sql.exec('insert into log (op) values (?)', JSON.stringify(op))
    const { n } = sql.exec('select count(*) as n from log').one()
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
    if (this.phase !== 'building') return false
    this.#storage.transactionSync(() => {
      const { entries, graph_version: graphVersion } = pulled
      const floor = entries.length < KEPT_ENTRIES ? 0 : (entries.at(-1)?.id ?? 0)
      this.#takeGraph(pulled)
      this.#kept.fill(entries.map(fromPulled))
      this.#takeFlags(pulled)
      this.#takePreferences({
        words: pulled.muted_words,
        hidesSensitive: pulled.hides_sensitive,
        version: pulled.version,
      })
      this.#seq = 0
      this.#pulled.begin(nowMs)
      this.#save({ phase: 'warm', databaseEpoch, graphVersion, floor, resumableAfter: 0, readAtMs: nowMs })
      if (pulled.marker !== null && pulled.marker.lastReadId > (this.marker?.lastReadId ?? 0)) {
        this.#putMarker(pulled.marker)
      }
      this.#replay(nowMs)
    })
    return true
  }

  goCold(): void {
    this.#storage.transactionSync(() => {
      this.#forget()
      this.#save({ phase: 'cold' })
    })
  }

  // --- Operations, each of which may come late, twice, or out of order ---

  apply(op: TimelineOp, nowMs: number): Effect {
    switch (op.type) {
      case 'deliver':
        return this.#deliver(op)
      case 'retract':
        return op.of === 'tweet' ? this.#retractTweet(op.id, nowMs) : this.#retractRetweet(op.id, nowMs)
      case 'revise':
        return this.#revise(op.card, nowMs)
      case 'flags':
        this.#flags.put(op.acted)
        return null
      case 'follow':
        return this.#follow(op.userId, op.version)
      case 'unfollow':
        return this.#unfollow(op.userId, op.version)
      case 'drop':
        return this.#drop(op)
      case 'undrop':
        return this.#undrop(op)
      case 'show_retweets':
        return this.#showRetweets(op)
      case 'own_card_changed': {
        const knownMs = this.#facts.get('own_card')?.changedAtMs ?? 0
        if (op.atMs > knownMs) this.#facts.put('own_card', { changedAtMs: op.atMs })
        return null
      }
      case 'preferences':
        this.#takePreferences(op)
        return null
      case 'notification':
      case 'notifications_withdrawn':
      case 'notifications_read':
      case 'message':
      case 'messages_read':
        return this.#tell(op)
    }
  }

  /** Lets those be seen again whose mutes have ended: what they posted meanwhile is to be read. */
  expireMutes(nowMs: number): void {
    for (const user of this.#dropped.expire(nowMs)) this.#followees.unfill(user)
  }

  /** Followees whose newest tweets are still to be read. */
  unfilled(): Backfill[] {
    return this.#followees.unfilled()
  }

  /**
   * Merges an author's newest entries, unless the author was unfollowed while they were read. Followed again since,
   * too: what was delivered between the two is in the second follow's backfill alone.
   */
  backfill({ userId, version }: Backfill, pulled: PulledEntries, limit: number): void {
    const followee = this.#followees.get(userId)
    if (followee === null || !followee.following || followee.backfilled) return
    if (followee.fillVersion !== version) return
    this.#storage.transactionSync(() => {
      for (const entry of pulled.entries.map(fromPulled)) {
        if (this.#accepts(entry)) this.#kept.insert(entry)
      }
      this.#takeFlags(pulled)
      // The author's older entries are not here: nor is then anything else below the oldest of these.
      const oldest = pulled.entries.at(-1)
      if (oldest !== undefined && pulled.entries.length === limit) this.#raiseFloor(oldest.id)
      this.#followees.put(userId, { ...followee, backfilled: true })
      this.#trim()
    })
  }

  // --- Reads ---

  page(request: PageRequest): TimelinePage {
    return readPage(this.#pageSource(), request)
  }

  packedPage(request: PageRequest): PackedPage {
    return readPackedPage(this.#pageSource(), request)
  }

  #pageSource(): PageSource {
    return {
      entries: this.#entries,
      floor: this.#state.current.floor,
      pulled: this.#pulled,
      ownCardChangedAtMs: this.#facts.get('own_card')?.changedAtMs ?? 0,
      mutedWords: this.#mutedWords,
      hidesSensitive: this.#reader.hidesSensitive,
      hears: (user) => this.#hears(user),
      isDropped: (user) => this.#dropped.has(user),
      isSilent: (user) => this.#followees.isSilent(user),
      isGone: (id) => this.#marks.isGone(id),
      isOwner: (user) => user === this.userId,
      flagsOf: (tweet) => this.#flags.get(tweet),
      cardOf: (entry) => this.#kept.cardOf(entry),
      isUnwanted: (entry) => this.isUnwanted(entry, Date.now()),
    }
  }

  // --- Pulled authors ---

  /** Whether an asker knows of another set of pulled authors than this timeline, and of a newer one. */
  lacksPullSet(asOf: { hash: string; asOfMs: number }): boolean {
    return this.#pulled.lacks(asOf)
  }

  /**
   * Takes over which authors are pulled. What those posted who no longer are may never have been delivered here: their
   * newest entries are to be read, as after a follow.
   */
  takePullSet(set: PullSet, asOf: { hash: string; asOfMs: number }): void {
    this.#storage.transactionSync(() => {
      for (const author of this.#pulled.leftBy(set)) this.#readAnew(author)
      const mine = set.authors.filter((author) => this.#followees.isFollowing(author))
      this.#pulled.take(mine, asOf)
    })
  }

  #readAnew(author: UserId): void {
    const followee = this.#followees.get(author)
    if (followee === null || !followee.following) return
    for (const entry of this.#entries.ofUser(author)) this.#kept.remove(entry)
    this.#followees.unfill(author)
    this.#save({})
  }

  // --- What the owner does not want to see ---

  /** Whether an entry shows what the owner does not want to see. */
  isUnwanted(entry: KeptEntry, nowMs: number): boolean {
    const looksForSensitive = this.#reader.hidesSensitive && entry.isSensitive !== false
    if (!looksForSensitive && this.#mutedWords === null) return false
    const card = this.#kept.cardOf(entry)
    if (card === null) return false
    if (this.#isHiddenAsSensitive(entry, card)) return true
    const muted = this.#mutedWords
    if (muted === null) return false
    const holds = mutedWordsMatcher(muted.words, nowMs)
    return cardIsMuted(card, this.userId, holds, this.readingOf({ ...entry, card }).hidesQuote)
  }

  /** Whether a tweet is sensitive stays as it is: an entry's card is looked into once. */
  #isHiddenAsSensitive(entry: KeptEntry, card: Card): boolean {
    entry.isSensitive ??= isSensitiveBody(card)
    return isHiddenAsSensitive(this.#reader, { authorId: entry.authorId, isSensitive: entry.isSensitive })
  }

  get #mutedWords(): MutedWords | null {
    const known = this.#facts.get('preferences')
    return known === null || known.words.length === 0 ? null : known
  }

  get #reader(): { id: UserId; hidesSensitive: boolean } {
    return { id: this.userId, hidesSensitive: this.#facts.get('preferences')?.hidesSensitive ?? true }
  }

  /** An empty list is kept, too: it outranks what arrives late. */
  #takePreferences({ words, hidesSensitive, version }: ReaderPreferences): void {
    const known = this.#facts.get('preferences')
    if (known !== null && known.version >= version) return
    this.#facts.put('preferences', { words: [...words], hidesSensitive, version })
  }

  // --- The reading position ---

  get marker(): HomeMarker | null {
    const marker = this.#facts.get('marker')
    return marker === null ? null : { lastReadId: marker.lastReadId, updatedAtMs: marker.updatedAtMs }
  }

  /** Moves the marker onwards; null when it stands there, or further, already. */
  moveMarker(lastReadId: number, nowMs: number): Shown | null {
    const known = this.marker
    if (known !== null && known.lastReadId >= lastReadId) return null
    const marker = { lastReadId, updatedAtMs: nowMs }
    return this.#storage.transactionSync(() => this.#putMarker(marker))
  }

  #putMarker(marker: HomeMarker): Shown {
    const seq = ++this.#seq
    this.#facts.put('marker', { ...marker, seq })
    this.#save({})
    return { type: 'marker', seq, marker }
  }

  /** Gives entries the cards they lacked or had outdated. Costs a written row each. */
  keepCards(cards: readonly Card[]): void {
    for (const card of cards) if (this.#kept.newestOf(card) === card) this.#kept.writeCards(card)
  }

  /** What was shown after `seq`, in the order of arrival; null when that is no longer known, or lacks a card. */
  shownSince(seq: number): Shown[] | null {
    if (seq < this.#state.current.resumableAfter || seq > this.#seq) return null
    const missed: Shown[] = []
    for (const entry of this.#entries.newestFirst) {
      if (entry.seq <= seq || this.#isHidden(entry)) continue
      const card = this.#kept.cardOf(entry)
      if (card === null) return null
      missed.push({ type: 'shown', seq: entry.seq, entry: { ...entry, card } })
    }
    for (const mark of this.#marks.since(seq)) {
      if (mark.kind === 'deleted')
        missed.push({ type: 'taken_back', seq: mark.seq, tweetId: mark.id as TweetId })
      const edited = mark.kind === 'edited' ? this.#revised(mark.id as TweetId, mark.seq) : null
      if (edited !== null) missed.push(edited)
    }
    const marker = this.#facts.get('marker')
    if (marker !== null && marker.seq > seq) missed.push({ type: 'marker', seq: marker.seq, marker })
    missed.push(...this.#live.since(seq))
    return missed.sort((a, b) => a.seq - b.seq)
  }

  /** How the owner reads an entry, for its frame. */
  readingOf(entry: KeptEntry): Pick<PageEntry, 'flags' | 'quoteFlags' | 'hidesQuote'> {
    const quoted = entry.card?.quote ?? null
    return {
      flags: this.#flags.get(entry.tweetId),
      quoteFlags: quoted === null ? 0 : this.#flags.get(quoted.tweetId as TweetId),
      hidesQuote:
        quoted?.body != null &&
        (this.#dropped.has(quoted.body.authorId as UserId) || isHiddenBody(quoted.body, this.#reader)),
    }
  }

  // --- One operation each ---

  #deliver({ entry, card, retweeter, acted }: Extract<TimelineOp, { type: 'deliver' }>): Effect {
    if (acted !== null) this.#flags.put(acted)
    const kept: KeptEntry = { ...entry, retweeter, seq: 0, card: this.#kept.newestOf(card) }
    if (!this.#accepts(kept)) return null
    const isHidden = this.#isHidden(kept)
    if (!isHidden) kept.seq = ++this.#seq
    this.#kept.insert(kept)
    this.#trim()
    return isHidden ? null : { type: 'shown', seq: kept.seq, entry: kept }
  }

  #retractTweet(tweetId: TweetId, nowMs: number): Effect {
    if (this.#marks.isGone(tweetId)) return null
    for (const entry of this.#entries.ofTweet(tweetId)) this.#kept.remove(entry)
    const seq = ++this.#seq
    this.#mark(tweetId, 'deleted', seq, nowMs)
    return { type: 'taken_back', seq, tweetId }
  }

  /** The tweet stands where its next entry is, if there is one: nothing that a frame could say. */
  #retractRetweet(id: EntryId, nowMs: number): Effect {
    if (this.#marks.isGone(id)) return null
    const entry = this.#entries.byId(id)
    if (entry !== null) this.#kept.remove(entry)
    this.#mark(id, 'undone', ++this.#seq, nowMs)
    return null
  }

  #revise(card: Card, nowMs: number): Effect {
    const tweetId = card.tweetId as TweetId
    const [newest] = this.#entries.ofTweet(tweetId)
    if (newest === undefined || this.#kept.cardOf(newest)?.revision === card.revision) return null
    if (this.#kept.newestOf(card) !== card) return null
    this.#kept.writeCards(card)
    const seq = ++this.#seq
    this.#mark(tweetId, 'edited', seq, nowMs)
    return this.#revised(tweetId, seq)
  }

  #follow(userId: UserId, version: number): Effect {
    if (this.#isOutdated(this.#followees.get(userId)?.version, version)) return this.#followees.owed(userId)
    this.#followees.putFollowing(userId, true, version)
    this.#pulled.forgetSet()
    return this.#followees.owed(userId)
  }

  #unfollow(userId: UserId, version: number): Effect {
    if (this.#isOutdated(this.#followees.get(userId)?.version, version)) return null
    this.#followees.putFollowing(userId, false, version)
    for (const entry of this.#entries.ofUser(userId)) this.#kept.remove(entry)
    this.#pulled.unfollow(userId)
    this.#save({})
    return null
  }

  #tell(telling: Telling): Effect {
    const told = this.#live.take(telling, this.#seq + 1)
    if (told === null) return null
    this.#seq = told.seq
    this.#forgetFrames(this.#live.trim())
    return shownOf(told)
  }

  #drop({ userId, reason, untilMs, version }: Extract<TimelineOp, { type: 'drop' }>): Effect {
    if (this.#isOutdated(this.#dropped.versionOf(userId, reason), version)) return null
    this.#dropped.put(userId, reason, { version, holds: true, untilMs })
    return null
  }

  /** What was posted meanwhile was not delivered. */
  #undrop({ userId, reason, version }: Extract<TimelineOp, { type: 'undrop' }>): Effect {
    if (this.#isOutdated(this.#dropped.versionOf(userId, reason), version))
      return this.#followees.owed(userId)
    this.#dropped.put(userId, reason, { version, holds: false, untilMs: null })
    return this.#dropped.has(userId) ? null : this.#followees.unfill(userId)
  }

  #showRetweets({ userId, shown, version }: Extract<TimelineOp, { type: 'show_retweets' }>): Effect {
    if (this.#isOutdated(this.#followees.get(userId)?.retweetsVersion, version))
      return this.#followees.owed(userId)
    this.#followees.putRetweets(userId, shown, version)
    return shown ? this.#followees.unfill(userId) : null
  }

  #isOutdated(known: number | undefined, version: number): boolean {
    return version <= Math.max(known ?? 0, this.#state.current.graphVersion)
  }

  /** Whether an entry has its place here: new, above the floor, not taken back, and by someone to be heard. */
  #accepts(entry: KeptEntry): boolean {
    if (entry.id < this.#state.current.floor || this.#entries.has(entry.id)) return false
    if (this.#marks.isGone(entry.tweetId) || this.#marks.isGone(entry.id)) return false
    return this.#hears(entry.retweeterId ?? entry.authorId)
  }

  /** Whether an entry is kept but not to be seen: what hides it may end. */
  #isHidden({ authorId, retweeterId }: KeptEntry): boolean {
    if (this.#dropped.has(authorId)) return true
    return retweeterId !== null && (this.#dropped.has(retweeterId) || this.#followees.isSilent(retweeterId))
  }

  #hears(userId: UserId): boolean {
    return userId === this.userId || this.#followees.isFollowing(userId)
  }

  // --- Storage and its mirror ---

  #trim(): void {
    if (this.#entries.size <= KEPT_ENTRIES + TRIM_SLACK) return
    const trimmed = this.#entries.trim(KEPT_ENTRIES)
    this.#raiseFloor(this.#entries.newestFirst.at(-1)?.id ?? 0)
    this.#forgetFramesOf(trimmed)
  }

  /** Entries below the floor are not kept: something between them and it would be missing. */
  #raiseFloor(floor: number): void {
    if (floor <= this.#state.current.floor) return
    this.#forgetFramesOf(this.#kept.removeBelow(floor))
    this.#save({ floor })
  }

  #forgetFramesOf(entries: readonly KeptEntry[]): void {
    this.#forgetFrames(Math.max(0, ...entries.map(({ seq }) => seq)))
  }

  /** Frames up to here cannot be shown again: whoever has not seen them must start anew. */
  #forgetFrames(seq: number): void {
    if (seq > this.#state.current.resumableAfter) this.#save({ resumableAfter: seq })
  }

  #mark(id: number, kind: 'deleted' | 'undone' | 'edited', seq: number, nowMs: number): void {
    this.#marks.put(id, { kind, seq }, nowMs)
    this.#forgetFrames(this.#marks.expire(nowMs))
  }

  #revised(tweetId: TweetId, seq: number): Shown | null {
    const newest = this.#entries.ofTweet(tweetId).find((entry) => !this.#isHidden(entry))
    if (newest === undefined) return null
    return { type: 'revised', seq, entry: { ...newest, card: this.#kept.cardOf(newest) } }
  }

  #takeFlags({ acted, version }: PulledEntries): void {
    for (const { tweet_id: tweetId, flags } of acted) {
      this.#flags.put({ tweetId, flags, version } satisfies TweetFlags)
    }
  }

  #takeGraph({ followees, silent, dropped, graph_version: version }: PulledTimeline): void {
    const silence = new Set(silent)
    for (const userId of followees) {
      const showsRetweets = !silence.has(userId)
      const known = { version, following: true, backfilled: true, fillVersion: version }
      this.#followees.put(userId, { ...known, showsRetweets, retweetsVersion: version })
    }
    for (const { user_id: userId, reason, until_ms: untilMs } of dropped) {
      this.#dropped.put(userId, reason, { version, holds: true, untilMs })
    }
  }

  #replay(nowMs: number): void {
    const { sql } = this.#storage
    const missed = sql.exec<{ op: string }>('select op from log order by n').toArray()
    sql.exec('delete from log')
    for (const { op } of missed) this.apply(JSON.parse(op) as TimelineOp, nowMs)
  }

  #forget(): void {
    this.#kept.clear()
    this.#followees.clear()
    this.#marks.clear()
    this.#flags.clear()
    this.#pulled.clear()
    this.#live.clear()
    this.#storage.sql.exec('delete from log')
    this.#dropped.clear()
    this.#seq = 0
    // Its frame was one of the build that is forgotten.
    const marker = this.#facts.get('marker')
    if (marker !== null && marker.seq !== 0) this.#facts.put('marker', { ...marker, seq: 0 })
  }

  #load(): void {
    this.#followees.load()
    this.#marks.load()
    this.#flags.load()
    this.#dropped.load()
    this.#pulled.load((author) => this.#followees.isFollowing(author))
    this.#live.load()
    this.#kept.load()
    this.#seq = Math.max(
      this.#state.current.seq,
      this.#marks.newestSeq,
      this.#live.newestSeq,
      ...this.#entries.newestFirst.map(({ seq }) => seq),
    )
  }

  /** The seq goes with every save: entries that held a newer one may be gone by then. */
  #save(changes: Parameters<StateRow['save']>[0]): void {
    this.#state.save({ seq: this.#seq, ...changes })
  }
}

function fromPulled({ id, tweet_id, author_id, retweeter }: PulledEntry): KeptEntry {
  return {
    id,
    tweetId: tweet_id,
    authorId: author_id,
    retweeterId: retweeter === null ? null : retweeter.id,
    retweeter,
    seq: 0,
    card: null,
  }
}
