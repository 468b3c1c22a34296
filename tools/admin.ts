/** `npm run admin -- grant <username> [user|moderator|admin] | list`: who moderates. */

import type pg from 'pg'
import { withClient } from './stack/databases.ts'
import { grantRole, listHolders, ROLES } from './stack/roles.ts'
import { runTool } from './stack/run-tool.ts'
import { StackError } from './stack/stack-error.ts'
import { table } from './stack/table.ts'
import { withDatabase } from './stack/with-database.ts'

const USAGE =
  'Say what to do: npm run admin -- grant ada (a moderator), npm run admin -- grant ada user, moderator or admin, or npm run admin -- list.'

await runTool(async () => {
  const [command, ...args] = process.argv.slice(2)
  if (command === 'list' && args.length === 0) await onDatabase(list)
  else if (command === 'grant' && (args.length === 1 || args.length === 2))
    await onDatabase((client) => grant(client, args))
  else throw new StackError(USAGE)
})

async function onDatabase(use: (client: pg.Client) => Promise<void>) {
  await withDatabase((databaseUrl) => withClient(databaseUrl, use))
}

async function list(client: pg.Client) {
  const holders = await listHolders(client)
  if (holders.length === 0) {
    console.log('Nobody moderates.')
    return
  }
  console.log(
    table(
      ['username', 'role'],
      holders.map(({ username, role }) => [username, role]),
    ),
  )
}

async function grant(client: pg.Client, [name = '', wanted = 'moderator']: string[]) {
  const role = ROLES.find((one) => one === wanted)
  const username = name.replace(/^@/, '')
  if (role === undefined || !/^\w{1,50}$/.test(username)) throw new StackError(USAGE)
  const granted = await grantRole(client, username, role)
  if (granted === null) throw new StackError(`There is no user ${username}.`)
  console.log(`@${granted} has the role ${role}.`)
  console.log(
    role === 'user'
      ? 'What only moderators may do is refused at once, but for deleting tweets: that ends with their access token, in 15 minutes.'
      : 'It takes a new token: they sign in again, or refresh the one they have, which clients do within 15 minutes.',
  )
}
