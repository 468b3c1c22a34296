import pg from 'pg'
import {
  type FanOutMessage,
  fanOutMessage,
  type NotificationEvent,
  type NotificationMessage,
  notificationMessage,
} from '../../src/contracts/queues.ts'

/** What the outbox owes to timelines, as the queue would carry it. */
export async function fanOutMessages(databaseUrl: string): Promise<FanOutMessage[]> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query("select id, message from outbox where queue = 'fan-out' order by id"),
  )
  return rows.map(({ id, message }) => fanOutMessage.parse({ outbox_id: Number(id), event: message }))
}

/** What the outbox owes to people of this kind. */
export async function notificationMessages(
  databaseUrl: string,
  type: NotificationEvent['type'],
): Promise<NotificationMessage[]> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query(
      `select id, message from outbox where queue = 'notifications' and message ->> 'type' = $1 order by id`,
      [type],
    ),
  )
  return rows.map(({ id, message }) => notificationMessage.parse({ outbox_id: Number(id), event: message }))
}

/** Runs with a connection that is closed after it: an idle one would keep its rows uncounted. */
export async function withClient<Result>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  return work(client).finally(() => client.end())
}

export function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  )
}
