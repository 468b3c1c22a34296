import { startWorld } from './harness/world.ts'
import { home } from './parts/home.ts'
import { printable } from './harness/report.ts'
const world = await startWorld({ serverUrl: undefined, inspected: false })
try {
  const report = await home(world, { rounds: 5, seconds: 1.2, isQuick: true, profiling: (m) => m() })
  for (const line of report.lines) {
    const med = (xs: number[]) => xs.sort((a, b) => a - b)[xs.length >> 1] ?? 0
    const f = (k: 'measured' | 'bare') => med(line.rounds.map((r) => (r[k] as any).cpuMicros ?? (r[k] as any).cpu_us ?? NaN))
    console.log(line.name, JSON.stringify(line.rounds[0]), f('measured'), f('bare'))
  }
  console.log(printable(report))
} finally { await world.stop() }
