import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { seedDemoCommunity } from '../seed/demo.ts'
import { withClient } from './databases.ts'

const demoAccount = z.object({ username: z.string(), password: z.string() })

export type DemoAccount = z.infer<typeof demoAccount>

/**
 * Loads the demo community into a database without users. Answers an account to sign in with, on later starts too;
 * undefined where the users are somebody else's.
 */
export async function ensureDemoCommunity(
  databaseUrl: string,
  dataDir: string,
): Promise<DemoAccount | undefined> {
  const path = join(dataDir, 'demo-account.json')
  if (await hasRow(databaseUrl, 'select from users limit 1')) {
    const remembered = demoAccount.safeParse(JSON.parse(await readFile(path, 'utf8').catch(() => 'null')))
    const isHere =
      remembered.success &&
      (await hasRow(databaseUrl, 'select from users where username = $1', remembered.data.username))
    return isHere ? remembered.data : undefined
  }
  const account = await seedDemoCommunity(databaseUrl)
  await writeFile(path, JSON.stringify(account), { mode: 0o600 })
  return account
}

async function hasRow(databaseUrl: string, query: string, ...parameters: string[]): Promise<boolean> {
  return withClient(databaseUrl, async (client) => (await client.query(query, parameters)).rowCount !== 0)
}
