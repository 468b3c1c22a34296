import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { SourceMap } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { z } from 'zod'
import { PROJECT_ROOT } from '../../tools/stack/paths.ts'
import { table } from '../../tools/stack/table.ts'
import type { World } from './world.ts'

const SAMPLE_EVERY_US = 200
const TOP = 40

/** The part of DevTools' profile format that we read. */
const cpuProfile = z.looseObject({
  nodes: z.array(
    z.looseObject({
      id: z.number(),
      callFrame: z.looseObject({
        functionName: z.string(),
        url: z.string(),
        lineNumber: z.number(),
        columnNumber: z.number(),
      }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

type CpuProfile = z.infer<typeof cpuProfile>

const answer = z.looseObject({
  id: z.number().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ message: z.string() }).optional(),
})

/** Does `work` under the profiler, writes `<path>.cpuprofile` (for a browser's tools) and prints who used the time. */
export async function profiled<Result>(
  world: World,
  path: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const inspector = await attach(`${world.inspectorUrl}/core:user:warbler`)
  try {
    await inspector.ask('Profiler.enable')
    await inspector.ask('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
    await inspector.ask('Profiler.start')
    const result = await work()
    const { profile } = z.looseObject({ profile: cpuProfile }).parse(await inspector.ask('Profiler.stop'))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.cpuprofile`, JSON.stringify(profile))
    console.log(`${topOf(profile, await readSourceMap(world.sourceMap))}\n  ${path}.cpuprofile\n`)
    return result
  } finally {
    inspector.close()
  }
}

interface Inspector {
  ask(method: string, params?: object): Promise<unknown>
  close(): void
}

async function attach(url: string): Promise<Inspector> {
  const socket = new WebSocket(url)
  await new Promise<void>((open, fail) => {
    socket.onopen = () => open()
    socket.onerror = () => fail(new Error(`No inspector at ${url}`))
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  socket.onmessage = ({ data }) => {
    const { id, result, error } = answer.parse(JSON.parse(String(data)))
    const waits = waiting.get(id ?? 0)
    if (error === undefined) waits?.resolve(result)
    else waits?.reject(new Error(error.message))
  }
  return {
    ask(method, params = {}) {
      asked += 1
      const waits = Promise.withResolvers<unknown>()
      waiting.set(asked, waits)
      socket.send(JSON.stringify({ id: asked, method, params }))
      return waits.promise
    },
    close: () => socket.close(),
  }
}

async function readSourceMap(path: string): Promise<{ map: SourceMap; folder: string }> {
  return { map: new SourceMap(JSON.parse(await readFile(path, 'utf8'))), folder: dirname(path) }
}

/** The functions that themselves used the most of the time that the isolate was not idle. */
function topOf(
  { nodes, samples, timeDeltas }: CpuProfile,
  source: { map: SourceMap; folder: string },
): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const selfMs = new Map<string, number>()
  let busyMs = 0
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id)
    if (frame === undefined || frame.functionName === '(idle)') continue
    const ms = (timeDeltas[index] ?? 0) / 1000
    busyMs += ms
    const key = `${frame.functionName || '(anonymous)'}  ${placeOf(frame, source)}`
    selfMs.set(key, (selfMs.get(key) ?? 0) + ms)
  }
  const top = [...selfMs].toSorted(([, a], [, b]) => b - a).slice(0, TOP)
  const rows = top.map(([key, ms]) => {
    const [name = '', place = ''] = key.split('  ')
    return [`${((ms / busyMs) * 100).toFixed(1)} %`, ms.toFixed(0), name, place]
  })
  return table([`self, of ${busyMs.toFixed(0)} ms`, 'ms', 'function', 'place'], rows)
}

function placeOf(
  { url, lineNumber, columnNumber }: CpuProfile['nodes'][number]['callFrame'],
  { map, folder }: { map: SourceMap; folder: string },
): string {
  if (lineNumber < 0) return ''
  const entry = map.findEntry(lineNumber, columnNumber)
  if (!('originalSource' in entry)) return `${url}:${lineNumber + 1}`
  const path = relative(PROJECT_ROOT, resolve(folder, entry.originalSource))
  return `${path.replace(/^.*node_modules\//, '')}:${entry.originalLine + 1}`
}
