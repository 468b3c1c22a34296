import type { Logger } from '../domain/log.ts'

/** What a handler says of one message: its effect is done, or it is to come again. */
export type Verdict = 'ack' | 'retry'

/** Doubles from 1 s to 5 min: a queue counts attempts from 1. */
function backoffSeconds(attempts: number): number {
  return Math.min(300, 2 ** Math.min(attempts - 1, 9))
}

/**
 * The loop of every consumer: what cannot be parsed goes to `onPoison`, the rest to `handle` as one batch, which
 * gives a verdict for each. A batch that throws is retried whole; its effects can be repeated.
 */
export async function consume<Body>(
  batch: MessageBatch,
  log: Logger,
  {
    parse,
    handle,
    onPoison,
  }: {
    parse(body: unknown): Body | null
    handle(bodies: Body[]): Promise<Verdict[]>
    onPoison(bodies: unknown[]): Promise<void>
  },
): Promise<void> {
  const parsed = batch.messages.map((message) => ({ message, body: parse(message.body) }))
  const poison = parsed.filter(({ body }) => body === null)
  const good = parsed.flatMap(({ message, body }) => (body === null ? [] : [{ message, body }]))
  await judge(log, batch.queue, poison, async () => {
    await onPoison(poison.map(({ message }) => message.body))
    return poison.map(() => 'ack' as const)
  })
  await judge(log, batch.queue, good, () => handle(good.map(({ body }) => body)))
}

async function judge(
  log: Logger,
  queue: string,
  entries: { message: Message }[],
  decide: () => Promise<Verdict[]>,
): Promise<void> {
  if (entries.length === 0) return
  let verdicts: Verdict[] = []
  try {
    verdicts = await decide()
  } catch (error) {
    log.error('batch_failed', { queue, messages: entries.length, error })
  }
  entries.forEach(({ message }, index) => {
    if (verdicts[index] === 'ack') message.ack()
    else message.retry({ delaySeconds: backoffSeconds(message.attempts) })
  })
}

/** Runs `work` over all items, at most `limit` at a time, and answers which failed. */
export async function forEachBounded<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<{ item: Item; error: unknown }[]> {
  const failed: { item: Item; error: unknown }[] = []
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) {
      try {
        await work(item)
      } catch (error) {
        failed.push({ item, error })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return failed
}
