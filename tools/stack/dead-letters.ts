import type pg from 'pg'

export interface DeadLetter {
  id: string
  diedAt: string
  queue: string
  error: string
  message: string
}

/** All dead letters, the oldest first. */
export async function listDeadLetters(client: pg.Client): Promise<DeadLetter[]> {
  const { rows } = await client.query<DeadLetter>(`
    select id::text, to_char(died_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "diedAt",
      queue, error, message::text
    from dead_letters
    order by id
  `)
  return rows
}

/**
 * Gives a dead letter's message another life in the outbox, from where the relay sends it: its own row if that is
 * still there, else a new one. Answers false if there is no such letter.
 */
export async function replayDeadLetter(client: pg.Client, id: string): Promise<boolean> {
  const { rows } = await client.query<{ replayed: boolean }>(
    `
    with letter as (
      delete from dead_letters
      where id = $1
      returning queue, outbox_id, message
    ), revived as (
      update outbox set dead_at = null, attempts = 0, next_attempt_at = now()
      from letter
      where outbox.id = letter.outbox_id
      returning outbox.id
    ), inserted as (
      insert into outbox (queue, message, next_attempt_at)
      select queue, message, now()
      from letter
      where not exists (select from revived)
    )
    select exists (select from letter) as replayed
    `,
    [id],
  )
  return rows[0]?.replayed ?? false
}
