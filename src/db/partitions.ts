import { ID_EPOCH_MS, idFloor } from '../domain/ids.ts'

/** How many months ahead partitions of `tweets` are attached. */
export const PARTITION_MONTHS_AHEAD = 3

/**
 * One SQL text that attaches the monthly partitions of `tweets` for every month from `fromMs` to `toMs`
 * (Unix milliseconds, UTC months). Repeating it changes nothing. A new partition is made beside the table
 * and attached under a short lock timeout, so that it never queues writes behind itself: when it cannot
 * have its lock at once it fails with 55P03 and is tried again by the next cron run. Of two runs at once the
 * second waits for the lock that attaching takes, and then looks again; with nothing to do none is taken.
 */
export function ensureTweetPartitionsSql(fromMs: number, toMs: number): string {
  const attach = monthsBetween(fromMs, toMs).map(
    ({ name, from, to }) => `
  if to_regclass('${name}') is null then
    lock table tweets in share update exclusive mode;
  end if;
  if to_regclass('${name}') is null then
    create table ${name} (like tweets including defaults including constraints);
    alter table tweets attach partition ${name} for values from (${from}) to (${to});
  end if;`,
  )
  return `do $$
begin
  set local lock_timeout = '2s';${attach.join('')}
end $$`
}

interface Month {
  name: string
  from: number
  to: number
}

function monthsBetween(fromMs: number, toMs: number): Month[] {
  const first = new Date(Math.max(fromMs, ID_EPOCH_MS))
  const months: Month[] = []
  for (let month = first.getUTCMonth(); ; month++) {
    const startMs = Date.UTC(first.getUTCFullYear(), month, 1)
    if (startMs > toMs) return months
    const start = new Date(startMs)
    const name = `tweets_${start.getUTCFullYear()}_${String(start.getUTCMonth() + 1).padStart(2, '0')}`
    const endMs = Date.UTC(first.getUTCFullYear(), month + 1, 1)
    months.push({ name, from: idFloor(startMs), to: idFloor(endMs) })
  }
}

/** The last moment for which a new tweet must find a partition, `PARTITION_MONTHS_AHEAD` months from now. */
export function partitionsUntil(nowMs: number): number {
  const now = new Date(nowMs)
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + PARTITION_MONTHS_AHEAD, 1)
}
