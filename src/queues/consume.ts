import { z } from 'zod'
import type { Logger } from '../domain/log.ts'
import { forEachBounded } from './for-each-bounded.ts'

export { forEachBounded }

/** What a handler says of one message: its effect is done, or it is to come again. */
export type Verdict = 'ack' | 'retry'

/** Doubles from 1 s to 5 min: a queue counts attempts from 1. */
function backoffSeconds(attempts: number): number {
  return Math.min(300, 2 ** Math.min(attempts - 1, 9))
}

/** Messages that come again are handled each alone, so many at a time. */
const ALONE_AT_ONCE = 4

/** A message as it is sent: `epoch` is that of the database whose outbox owes it. */
const sentUnder = z.object({ epoch: z.number().int() })

/**
 * The loop of every consumer: what cannot be parsed goes to `onPoison`, the rest to `handle` as one batch, which
 * gives a verdict for each. A batch that throws is retried whole; its effects can be repeated. What comes again is handled
 * message by message and after the others: one that makes its batch fail, or take too long, does so but once.
 */
export async function consume<Body>(
  batch: MessageBatch,
  log: Logger,
  {
    databaseEpoch,
    parse,
    handle,
    onPoison,
  }: {
    databaseEpoch: number
    parse(body: unknown): Body | null
    handle(bodies: Body[]): Promise<Verdict[]>
    onPoison(bodies: unknown[]): Promise<void>
  },
): Promise<void> {
  const current = ofThisHistory(batch, databaseEpoch, log)
  const parsed = current.map((message) => ({ message, body: parse(message.body) }))
  const poison = parsed.filter(({ body }) => body === null)
  const good = parsed.flatMap(({ message, body }) => (body === null ? [] : [{ message, body }]))
  await judgeAll(log, batch.queue, poison, async (entries) => {
    await onPoison(entries.map(({ message }) => message.body))
    return entries.map(() => 'ack' as const)
  })
  await judgeAll(log, batch.queue, good, (entries) => handle(entries.map(({ body }) => body)))
}

/**
 * After a restore of the database its outbox counts anew, so a message of the lost history may name the row of something
 * else: it is dropped, and what is owed is sent again by the relay. One of a newer history than this Worker's waits for a
 * Worker that knows it.
 */
function ofThisHistory(batch: MessageBatch, databaseEpoch: number, log: Logger): Message[] {
  const current: Message[] = []
  let lost = 0
  for (const message of batch.messages) {
    const epoch = sentUnder.safeParse(message.body).data?.epoch ?? databaseEpoch
    if (epoch === databaseEpoch) current.push(message)
    else if (epoch > databaseEpoch) message.retry({ delaySeconds: backoffSeconds(message.attempts) })
    else {
      message.ack()
      lost++
    }
  }
  if (lost > 0) log.warn('lost_history', { queue: batch.queue, messages: lost })
  return current
}

interface Judged {
  message: Message
}

async function judgeAll<Entry extends Judged>(
  log: Logger,
  queue: string,
  entries: Entry[],
  decide: (entries: Entry[]) => Promise<Verdict[]>,
): Promise<void> {
  const { first = [], again = [] } = Object.groupBy(entries, ({ message }) =>
    message.attempts === 1 ? 'first' : 'again',
  )
  await judge(log, queue, first, decide)
  await forEachBounded(again, ALONE_AT_ONCE, (entry) => judge(log, queue, [entry], decide))
}

async function judge<Entry extends Judged>(
  log: Logger,
  queue: string,
  entries: Entry[],
  decide: (entries: Entry[]) => Promise<Verdict[]>,
): Promise<void> {
  if (entries.length === 0) return
  let verdicts: Verdict[] = []
  try {
    verdicts = await decide(entries)
  } catch (error) {
    log.error('batch_failed', { queue, messages: entries.length, error })
  }
  entries.forEach(({ message }, index) => {
    if (verdicts[index] === 'ack') message.ack()
    else message.retry({ delaySeconds: backoffSeconds(message.attempts) })
  })
}
