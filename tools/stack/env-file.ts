import { readFile, rename, writeFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { codeOf } from './stack-error.ts'

/** The entries of a `.env` or `.dev.vars` file, or undefined when there is none. */
export async function readEnvFile(path: string): Promise<NodeJS.Dict<string> | undefined> {
  try {
    return parseEnv(await readFile(path, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Writes the entries so that wrangler reads exactly these values, in a file for the owner alone. */
export async function writeEnvFile(path: string, entries: Record<string, string>) {
  await writeFile(`${path}.new`, envFileText(entries), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

export function envFileText(entries: Record<string, string>): string {
  return Object.entries(entries)
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join('')
}

/** Wrangler takes quoted values as they are, but for `$`, which would name another variable. */
function quoted(value: string): string {
  const quote = ["'", '"', '`'].find((mark) => !value.includes(mark))
  if (quote === undefined) throw new Error('A value with all three kinds of quotes cannot be written')
  return `${quote}${value.replaceAll('$', '\\$')}${quote}`
}
