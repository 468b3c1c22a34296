import type pg from 'pg'
import { withClient } from '../../../tools/stack/databases.ts'
import { runningStack } from '../../../tools/stack/stack-file.ts'
import { until } from '../../../tools/stack/until.ts'
import type { Stack } from './stack.ts'

/** Longer than a large fan-out takes on a busy machine, and a consumer's first retries. */
const SETTLES_WITHIN_MS = 120_000

/** The database of a running stack; another after each start. */
export async function databaseUrlOf({ place }: Stack): Promise<string> {
  const url = (await runningStack(place.dataDir))?.databaseUrl
  if (url == null) throw new Error(`No stack runs on ${place.dataDir}`)
  return url
}

/** The types of what the outbox owes. */
export async function owedBy(stack: Stack): Promise<string[]> {
  return withClient(await databaseUrlOf(stack), typesOwed)
}

async function typesOwed(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ type: string }>(`select message ->> 'type' as type from outbox`)
  return rows.map(({ type }) => type)
}

/** Resolves when the outbox owes nothing and the ledger is folded; throws with what is left after two minutes. */
export async function untilSettled(stack: Stack): Promise<void> {
  await withClient(await databaseUrlOf(stack), async (client) => {
    const left = async () => {
      const { rowCount } = await client.query('select from counter_deltas')
      return [...(await typesOwed(client)), ...Array.from({ length: rowCount ?? 0 }, () => 'counter_delta')]
    }
    const settled = await until(async () => (await left()).length === 0, { withinMs: SETTLES_WITHIN_MS })
    if (!settled) throw new Error(`Still owed: ${await left()}`)
  })
}

/** Makes all that is owed due now rather than in half a minute, and fires the job that sends it again. */
export async function relayNow(stack: Stack): Promise<void> {
  await withClient(await databaseUrlOf(stack), (client) =>
    client.query('update outbox set next_attempt_at = now()'),
  )
  await runMinutely(stack)
}

/** Runs the cron jobs of each minute. */
export async function runMinutely(stack: Stack): Promise<void> {
  const answer = await fetch(stack.url(`/cdn-cgi/handler/scheduled?cron=${encodeURIComponent('* * * * *')}`))
  if (!answer.ok) throw new Error(`The cron job ended with status ${answer.status}`)
}
