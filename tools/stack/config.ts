import { join, resolve } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from './paths.ts'
import { StackError } from './stack-error.ts'

const environment = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535).default(8787),
  DATA_DIR: z.string().default(join(PROJECT_ROOT, '.data')),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/[^/]+\/[^/]+/)
    .optional(),
})

const EXPECTED = {
  PORT: 'a port number',
  DATA_DIR: 'a folder',
  DATABASE_URL: 'a URL like postgres://user:password@host/database',
} satisfies Record<keyof z.infer<typeof environment>, string>

export interface StackConfig {
  port: number
  /** Absolute. */
  dataDir: string
  /** A Postgres to be used instead of the embedded one. */
  databaseUrl: string | undefined
}

/** What the environment asks of the stack; an empty variable counts as none. Throws a StackError. */
export function readStackConfig(env: NodeJS.ProcessEnv): StackConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    const name = environment.keyof().parse(parsed.error.issues[0]?.path[0])
    throw new StackError(`${name} must be ${EXPECTED[name]}, and is "${env[name]}".`)
  }
  const { PORT, DATA_DIR, DATABASE_URL } = parsed.data
  return { port: PORT, dataDir: resolve(DATA_DIR), databaseUrl: DATABASE_URL }
}
