import { randomBytes } from 'node:crypto'
import { link, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { envFileText, readEnvFile } from './env-file.ts'
import { PROJECT_ROOT } from './paths.ts'
import { LOOPBACK } from './ports.ts'
import { POSTGRES_PASSWORD, POSTGRES_USER } from './postgres-folder.ts'
import { codeOf, StackError } from './stack-error.ts'
import { newVapidSecrets } from './vapid-keys.ts'

/** Where `npm run services` listens, for a plain `wrangler dev` beside it: `.dev.vars` is written once, so fixed. */
const SERVICES_POSTGRES_PORT = 8790
const SERVICES_ENDPOINT_PORT = 8791
const SECRET_BYTES = 32

const devSecrets = z.object({
  JWT_SECRET: z.string().min(1),
  REFRESH_SECRET: z.string().min(1),
  DATABASE_URL: z.url(),
  DATABASE_ENDPOINT: z.union([z.literal(''), z.url()]).default(''),
  // Without them there is no Web Push.
  VAPID_PUBLIC_KEY: z.string().default(''),
  VAPID_PRIVATE_KEY: z.string().default(''),
  VAPID_SUBJECT: z.string().default(''),
})

export type DevSecrets = z.infer<typeof devSecrets>

/**
 * The secrets of development in `.dev.vars`, which plain `wrangler dev` reads too. Made on the first call; a file that
 * is there is never changed.
 */
export async function readOrCreateDevSecrets(folder = PROJECT_ROOT): Promise<DevSecrets> {
  const path = join(folder, '.dev.vars')
  const text = (await readEnvFile(path)) ?? (await create(path))
  const parsed = devSecrets.safeParse(text)
  if (!parsed.success) {
    const names = parsed.error.issues.map(({ path: [name] }) => String(name))
    throw new StackError(
      `${path} lacks a usable ${names.join(', ')}: add it, or delete the file to have it made anew.`,
    )
  }
  return parsed.data
}

async function create(path: string): Promise<NodeJS.Dict<string> | undefined> {
  const secret = () => randomBytes(SECRET_BYTES).toString('base64url')
  const entries: DevSecrets = {
    JWT_SECRET: secret(),
    REFRESH_SECRET: secret(),
    DATABASE_URL: `postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@${LOOPBACK}:${SERVICES_POSTGRES_PORT}/warbler`,
    DATABASE_ENDPOINT: `http://${LOOPBACK}:${SERVICES_ENDPOINT_PORT}/sql`,
    ...newVapidSecrets(),
    VAPID_SUBJECT: 'mailto:development@example.com',
  }
  const mine = `${path}.${process.pid}`
  await writeFile(mine, `# Secrets of development, made once by the local stack.\n${envFileText(entries)}`, {
    mode: 0o600,
  })
  try {
    // Two stacks may start at once: only one file becomes `.dev.vars`, and it does so whole.
    await link(mine, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(mine)
  }
  return readEnvFile(path)
}
