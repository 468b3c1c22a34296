import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const run = promisify(execFile)
const BENCH = join(import.meta.dirname, '..', '..', 'bench', 'run.ts')
const TIMEOUT_MS = 120_000

async function bench(...args: string[]): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_|DATABASE_)/.test(name))
  const { stdout } = await run(process.execPath, [BENCH, ...args], { env: Object.fromEntries(own) })
  return stdout
}

it(
  'measures a part beside its baseline',
  async () => {
    const output = await bench('home', '--quick')
    expect(output).toMatch(/^home: warm, 20 tweets +\/s/m)
    expect(output).toMatch(/^8 connections +\d.* bare route and object +\d.* of \/s/m)
  },
  TIMEOUT_MS,
)
