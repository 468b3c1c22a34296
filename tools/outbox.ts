/** `npm run outbox -- list | replay <id...> | replay --all`: the dead letters, and another try for them. */

import type pg from 'pg'
import { withClient } from './stack/databases.ts'
import { listDeadLetters, replayDeadLetter } from './stack/dead-letters.ts'
import { runTool } from './stack/run-tool.ts'
import { StackError } from './stack/stack-error.ts'
import { table } from './stack/table.ts'
import { withDatabase } from './stack/with-database.ts'

const USAGE =
  'Say what to do: npm run outbox -- list, npm run outbox -- replay 12 13, or npm run outbox -- replay --all.'

await runTool(async () => {
  const [command, ...args] = process.argv.slice(2)
  if (command === 'list' && args.length === 0) await onDatabase(list)
  else if (command === 'replay' && args.length > 0) await onDatabase((client) => replay(client, args))
  else throw new StackError(USAGE)
})

async function onDatabase(use: (client: pg.Client) => Promise<void>) {
  await withDatabase((databaseUrl) => withClient(databaseUrl, use))
}

async function list(client: pg.Client) {
  const letters = await listDeadLetters(client)
  if (letters.length === 0) {
    console.log('No dead letters.')
    return
  }
  const rows = letters.map(({ id, diedAt, queue, error, message }) => [id, diedAt, queue, error, message])
  console.log(table(['id', 'died at', 'queue', 'error', 'message'], rows))
}

async function replay(client: pg.Client, args: string[]) {
  const all = args.length === 1 && args[0] === '--all'
  if (!all && !args.every((id) => /^\d{1,18}$/.test(id))) throw new StackError(USAGE)
  const ids = all ? (await listDeadLetters(client)).map(({ id }) => id) : args
  const missing: string[] = []
  for (const id of ids) {
    if (await replayDeadLetter(client, id)) console.log(`${id} will be sent again within a minute.`)
    else missing.push(id)
  }
  if (missing.length > 0) throw new StackError(`There is no dead letter ${missing.join(', ')}.`)
}
