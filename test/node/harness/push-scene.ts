import type { PushEvent } from '../../../src/contracts/queues.ts'
import { connect } from '../../../src/db/client.ts'
import type { UserId } from '../../../src/domain/ids.ts'
import type { NotificationType } from '../../../src/domain/notifications.ts'
import { parsePushServices } from '../../../src/domain/push-services.ts'
import type { Deps, Viewer } from '../../../src/services/deps.ts'
import type { PushSettings } from '../../../src/services/settings.ts'
import { subscribeToPush } from '../../../src/services/subscribe-to-push.ts'
import { type Community, communityIn } from './community.ts'
import { depsOn, viewerOf } from './deps.ts'
import { startTestDatabase, type TestDatabase } from './postgres.ts'
import { TEST_VAPID } from './push-keys.ts'
import { type PushService, startPushService, type TestBrowser } from './push-service.ts'

export interface LogLine {
  level: 'info' | 'warn' | 'error'
  event: string
  fields: Record<string, unknown>
}

/** A message of the queue, as its consumer has it. */
export interface OwedPush {
  outbox_id: number
  event: PushEvent
}

/** A database, a push service, and people with browsers that it pushes to. */
export interface PushScene {
  database: TestDatabase
  people: Community
  service: PushService
  deps: Deps
  /** What was logged, in order. */
  lines: LogLine[]
  /** Somebody with a session of their own. */
  addViewer(columns?: Record<string, unknown>): Promise<Viewer>
  /** Another session of theirs. */
  signIn(viewer: Viewer): Promise<Viewer>
  /** A browser in which they are signed in and have subscribed. */
  addBrowser(viewer: Viewer): Promise<TestBrowser>
  /** Answers its id. */
  addNotification(
    to: UserId,
    about: { type: NotificationType; actor: UserId; tweet?: number },
  ): Promise<number>
  addMessage(to: UserId, from: UserId, columns?: Record<string, unknown>): Promise<number>
  /** Makes it owed, for so long already. */
  owe(user: UserId, of: PushEvent['of'], id: number, forHours?: number): Promise<OwedPush>
  stop(): Promise<void>
}

/** Whom tests push to: only this service. */
export function pushSettingsFor({ origin }: Pick<PushService, 'origin'>): PushSettings {
  const { subject, ...keys } = TEST_VAPID
  return { keys, subject, services: parsePushServices(origin) ?? [] }
}

export async function startPushScene(): Promise<PushScene> {
  const [database, service] = await Promise.all([startTestDatabase(), startPushService()])
  const { pool } = database
  const people = communityIn(pool)
  const lines: LogLine[] = []
  const logger =
    (level: LogLine['level']) =>
    (event: string, fields: Record<string, unknown> = {}) =>
      void lines.push({ level, event, fields })
  const { deps: plain } = depsOn(connect({ url: database.databaseUrl, endpoint: database.endpointUrl }))
  const deps: Deps = {
    ...plain,
    settings: { ...plain.settings, push: pushSettingsFor(service) },
    log: { info: logger('info'), warn: logger('warn'), error: logger('error') },
  }

  async function insert(table: string, row: Record<string, unknown>): Promise<number> {
    const places = Object.keys(row).map((_, index) => `$${index + 1}`)
    const { rows } = await pool.query<{ id: string }>(
      `insert into ${table} (${Object.keys(row)}) values (${places}) returning id`,
      Object.values(row),
    )
    return Number(rows[0]?.id)
  }

  async function signIn({ id }: Viewer): Promise<Viewer> {
    const viewer = viewerOf(id)
    await pool.query(
      `insert into sessions (id, user_id, token_hash, expires_at) values ($1, $2, '', now() + interval '7 days')`,
      [viewer.sessionId, id],
    )
    return viewer
  }

  return {
    database,
    people,
    service,
    deps,
    lines,
    signIn,
    addViewer: async (columns) => signIn(viewerOf(await people.addUser(columns))),
    async addBrowser(viewer) {
      const browser = service.addBrowser()
      const { endpoint, keys } = browser.subscription
      await subscribeToPush(deps, viewer, { endpoint, ...keys })
      return browser
    },
    async addNotification(to, { type, actor, tweet }) {
      await pool.query(
        `insert into notification_inboxes (user_id, unread_count) values ($1, 1)
         on conflict (user_id) do update set unread_count = notification_inboxes.unread_count + 1`,
        [to],
      )
      return insert('notifications', { user_id: to, actor_id: actor, type, tweet_id: tweet ?? null })
    },
    async addMessage(to, from, columns = {}) {
      await pool.query(
        `insert into conversations (user_id, other_id, unread_count, is_accepted) values ($1, $2, 1, true)
         on conflict (user_id, other_id) do update set unread_count = conversations.unread_count + 1`,
        [to, from],
      )
      return insert('direct_messages', { sender_id: from, receiver_id: to, content: 'hello', ...columns })
    },
    async owe(user, of, id, forHours = 0) {
      const event: PushEvent = { type: 'push', v: 1, user_id: user, of, id }
      const outbox_id = await insert('outbox', {
        queue: 'notifications',
        message: JSON.stringify(event),
        next_attempt_at: new Date(),
        created_at: new Date(Date.now() - forHours * 3_600_000),
      })
      return { outbox_id, event }
    },
    async stop() {
      await service.stop()
      await database.stop()
    },
  }
}
