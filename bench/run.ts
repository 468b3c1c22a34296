/** `npm run bench`: what Warbler costs beside what the runtime costs. */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PROJECT_ROOT } from '../tools/stack/paths.ts'
import { runTool } from '../tools/stack/run-tool.ts'
import { messageOf, StackError } from '../tools/stack/stack-error.ts'
import { FULL, type Plan, QUICK } from './harness/plan.ts'
import { profiled } from './harness/profile.ts'
import { missedIn, type PartReport, printable } from './harness/report.ts'
import { startWorld, type World } from './harness/world.ts'
import { fanOut } from './parts/fan-out.ts'
import { home } from './parts/home.ts'
import { homeCold } from './parts/home-cold.ts'
import { homeSize } from './parts/home-size.ts'
import { hotTweet } from './parts/hot-tweet.ts'
import { live } from './parts/live.ts'
import { notifications } from './parts/notifications.ts'
import { post } from './parts/post.ts'
import { search } from './parts/search.ts'
import { searchFreshness } from './parts/search-freshness.ts'

type Part = (world: World, plan: Plan) => Promise<PartReport>

const PARTS: Record<string, Part> = {
  home,
  'home-cold': homeCold,
  'home-size': homeSize,
  post,
  'fan-out': fanOut,
  live,
  notifications,
  'search-freshness': searchFreshness,
  search,
}
/** Only when asked for: they compare, and have no targets. */
const MORE_PARTS: Record<string, Part> = { 'hot-tweet': hotTweet }

const USAGE = `npm run bench -- [part ...] [--quick] [--profile]

Parts: ${Object.keys(PARTS).join(', ')}; all of them by default. Only when named: ${Object.keys(MORE_PARTS).join(', ')}.
Ends with 1 when a target is missed.
On DATABASE_URL's server, in databases that are dropped afterwards, or else on the embedded Postgres.
--quick only tries that everything works. --profile takes a CPU profile of the Worker in each part and prints where its
time goes; figures are worse then.`

const RESULTS = join(PROJECT_ROOT, 'bench', 'results')

await runTool(async () => {
  const asked = readArguments()
  if (asked === null) return console.log(USAGE)
  const plan = asked.quick ? QUICK : FULL
  console.log(
    `Load of the machine before: ${loadText()} on ${cpus().length} cores. The per-minute limits are off.\n`,
  )
  for (const name of asked.parts) {
    try {
      const report = await runPart(name, plan, asked.profile)
      if (!asked.quick) await writeResult(report)
      if (missedIn(report).length > 0) process.exitCode = 1
    } catch (error) {
      // The other parts have databases and runtimes of their own.
      console.error(`${name} failed:`, error)
      process.exitCode = 1
    }
  }
})

function partOf(name: string): Part | undefined {
  return PARTS[name] ?? MORE_PARTS[name]
}

/** Each part has a database, a runtime and caches of its own. */
async function runPart(name: string, plan: Plan, inspected: boolean): Promise<PartReport> {
  const part = partOf(name)
  if (part === undefined) throw new StackError(`There is no part "${name}".\n\n${USAGE}`)
  const startMs = Date.now()
  const world = await startWorld({ serverUrl: process.env.DATABASE_URL || undefined, inspected })
  const giveUp = () => void world.stop().finally(() => process.exit(130))
  // Miniflare's own handlers would end the process before the database and the folder are gone.
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal).once(signal, giveUp)
  try {
    const report = await part(world, inspected ? { ...plan, profiling: profilerOf(world, name) } : plan)
    const seededMs = world.seededMs()
    const times = `${seconds(Date.now() - startMs - seededMs)}, and ${seconds(seededMs)} of seeding; load ${loadText()}`
    console.log(`${printable(report)}\n  ${times}\n`)
    return report
  } finally {
    process.off('SIGINT', giveUp).off('SIGTERM', giveUp)
    await world.stop()
  }
}

function readArguments(): { parts: string[]; quick: boolean; profile: boolean } | null {
  const { values, positionals } = parse()
  if (values.help) return null
  const unknown = positionals.find((name) => partOf(name) === undefined)
  if (unknown !== undefined) throw new StackError(`There is no part "${unknown}".\n\n${USAGE}`)
  const { quick, profile } = values
  return { parts: positionals.length > 0 ? positionals : Object.keys(PARTS), quick, profile }
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new StackError(`${messageOf(error)}\n\n${USAGE}`)
  }
}

async function writeResult(report: PartReport): Promise<void> {
  await mkdir(RESULTS, { recursive: true })
  const at = new Date().toISOString()
  const result = { at, node: process.version, cores: cpus().length, load: loadavg(), ...report }
  await writeFile(join(RESULTS, `${report.part}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

function profilerOf(world: World, part: string): Plan['profiling'] {
  return (measure) => profiled(world, join(RESULTS, part), measure)
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

function loadText(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ')
}
