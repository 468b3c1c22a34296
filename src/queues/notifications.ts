import { type NotificationMessage, notificationMessage } from '../contracts/queues.ts'
import type { Deps } from '../services/deps.ts'
import { consume } from './consume.ts'
import { keepPoison } from './dead-letter.ts'
import { tellPeople } from './tell-people.ts'

/**
 * Tells people what happened to them: stored first, then shown on their open sockets, and only then is the message done.
 * Whoever has no socket open is owed a push.
 */
export async function consumeNotifications(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<NotificationMessage>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (body) => notificationMessage.safeParse(body).data ?? null,
    handle: (messages, again) => tellPeople(deps, messages, again),
    onPoison: (bodies) => keepPoison(deps, 'notifications', bodies),
  })
}
