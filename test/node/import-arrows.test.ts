import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { temporaryFolder } from './harness/temporary-folder.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CONFIG = join(ROOT, '.dependency-cruiser.cjs')
const DEPCRUISE = join(ROOT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs')

/** Cruising the real tree reads every module of it, on a machine that runs other tests at the same time. */
const CRUISE_TIMEOUT_MS = 120_000

const cruised = z.object({
  modules: z.array(z.object({ source: z.string() })),
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
})

interface Cruise {
  /** Our own modules that were read. */
  modules: string[]
  /** `from -> to: rule`, sorted. */
  violations: string[]
}

interface Ended {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** What `npm run check` runs, on the folders of a tree. */
function depcruise(tree: string, args: string[]): Promise<Ended> {
  const all = [DEPCRUISE, '--config', CONFIG, ...args]
  const options = { cwd: tree, maxBuffer: 64_000_000, timeout: CRUISE_TIMEOUT_MS }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, all, options, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    )
  })
}

async function cruise(tree: string, ...folders: string[]): Promise<Cruise> {
  const { stdout, stderr } = await depcruise(tree, ['--output-type', 'json', ...folders])
  if (stdout === '') throw new Error(`Nothing was cruised: ${stderr}`)
  const { modules, summary } = cruised.parse(JSON.parse(stdout))
  return {
    modules: modules.map(({ source }) => source).filter((source) => /^(src|web)\//.test(source)),
    violations: summary.violations.map(({ from, to, rule }) => `${from} -> ${to}: ${rule.name}`).sort(),
  }
}

/** A tree of these files, gone after the test. */
async function plant(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder.remove())
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder.path, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  return folder.path
}

const uses = (path: string) => `import { used } from '${path}'\nexport const user = used\n`
const LEAF = 'export const used = 1\nexport type Used = number\n'

/** docs/architecture.md, "The house": whom each folder may import, besides itself. */
const ARROWS: Record<string, string[]> = {
  domain: [],
  contracts: ['domain'],
  db: ['domain', 'contracts'],
  views: ['domain', 'contracts', 'db'],
  services: ['domain', 'contracts', 'db', 'views'],
  queues: ['domain', 'contracts', 'db', 'views', 'services'],
  'durable-objects': ['domain', 'contracts', 'db'],
  worker: ['domain', 'contracts', 'db', 'views', 'services', 'queues', 'durable-objects'],
  search: ['domain', 'contracts'],
  passwords: [],
}

describe('the import arrows', { timeout: CRUISE_TIMEOUT_MS }, () => {
  it('hold for every pair of folders', async () => {
    const folders = Object.keys(ARROWS)
    const files = folders.flatMap((from) => [
      [`src/${from}/leaf.ts`, LEAF],
      ...folders.map((to) => [`src/${from}/uses-${to}.ts`, uses(`../${to}/leaf.ts`)]),
    ])
    const forbidden = folders.flatMap((from) =>
      folders
        .filter((to) => to !== from && !ARROWS[from]?.includes(to))
        .map((to) => `src/${from}/uses-${to}.ts -> src/${to}/leaf.ts: ${from}-imports-along-the-arrows`),
    )
    const { violations } = await cruise(await plant(Object.fromEntries(files)), 'src')
    expect(violations).toEqual(forbidden.sort())
  })

  it.each<[string, Record<string, string>, string]>([
    [
      'an import of a type alone',
      {
        'src/domain/a.ts': "import type { Used } from '../services/leaf.ts'\nexport const a: Used = 1\n",
        'src/services/leaf.ts': LEAF,
      },
      'src/domain/a.ts -> src/services/leaf.ts: domain-imports-along-the-arrows',
    ],
    [
      'an import of a tool',
      { 'src/worker/a.ts': uses('../../tools/leaf.ts'), 'tools/leaf.ts': LEAF },
      'src/worker/a.ts -> tools/leaf.ts: worker-imports-along-the-arrows',
    ],
    [
      'a cycle',
      {
        'src/domain/a.ts': "import { b } from './b.ts'\nexport const a = () => b\n",
        'src/domain/b.ts': "import { a } from './a.ts'\nexport const b = () => a\n",
      },
      'src/domain/a.ts -> src/domain/b.ts: no-cycles',
    ],
    [
      'a folder without arrows',
      { 'src/novelty/a.ts': uses('../domain/leaf.ts'), 'src/domain/leaf.ts': LEAF },
      'src/novelty/a.ts -> src/domain/leaf.ts: every-folder-has-its-arrows',
    ],
    [
      'a client that reads the database',
      { 'web/a.ts': uses('../src/db/leaf.ts'), 'src/db/leaf.ts': LEAF },
      'web/a.ts -> src/db/leaf.ts: web-imports-contracts-only',
    ],
    [
      'an import of what is not there',
      { 'src/domain/a.ts': uses('./nowhere.ts') },
      'src/domain/a.ts -> ./nowhere.ts: nothing-missing',
    ],
  ])('refuse %s', async (_what, files, violation) => {
    const folders = [...new Set(Object.keys(files).map((name) => name.replace(/\/.*/, '')))]
    const { violations } = await cruise(await plant(files), ...folders)
    expect(violations).toEqual([violation])
  })

  it('end the check with an error that names the rule', async () => {
    const tree = await plant({ 'src/domain/a.ts': uses('../services/leaf.ts'), 'src/services/leaf.ts': LEAF })
    const { exitCode, stdout } = await depcruise(tree, ['src'])
    expect(exitCode).toBeGreaterThan(0)
    expect(stdout).toContain('domain-imports-along-the-arrows')
  })

  it('let the client see the contracts, and types refer to each other', async () => {
    const tree = await plant({
      'web/a.ts': uses('../src/contracts/leaf.ts'),
      'src/contracts/leaf.ts': LEAF,
      'src/domain/a.ts': "import type { B } from './b.ts'\nexport interface A { b: B }\n",
      'src/domain/b.ts': "import type { A } from './a.ts'\nexport interface B { a: A }\n",
    })
    expect((await cruise(tree, 'src', 'web')).violations).toEqual([])
  })

  it('are kept by every module there is', async () => {
    const { modules, violations } = await cruise(ROOT, 'src')
    expect(violations).toEqual([])
    // A parser that does not understand the sources reads none of them, and finds nothing wrong.
    expect(modules.length).toBeGreaterThan(100)
    expect(modules.filter((source) => /\.wrangler|\.test\.ts$/.test(source))).toEqual([])
  })
})
