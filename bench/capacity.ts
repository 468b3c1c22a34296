import { table } from '../tools/stack/table.ts'
import { ACTIONS, type Action, WARM_READERS } from './capacity/actions.ts'
import { sum } from './fan-out-model/graph.ts'
import {
  HOURS_PER_MONTH,
  OBJECT_GB,
  OPERATIONS_PER_MESSAGE,
  PRICES,
  SECONDS_PER_DAY,
  SECONDS_PER_MONTH,
} from './fan-out-model/prices.ts'

/**
 * The arithmetic of docs/capacity.md: rates of 500 million daily users times what each action costs. Unit costs are
 * measured (`bench/measure-writes.ts`, `test/runtime/object-rows.test.ts`) or read off the code; CPU times, the mix of
 * actions and how often an object sleeps are assumptions.
 */
type Quantity = Exclude<keyof Action, 'name' | 'perSecond'>

const perSecondOf = (quantity: Quantity) =>
  sum(ACTIONS, (action) => action.perSecond * (action[quantity] ?? 0))
const monthly = (action: Action, quantity: Quantity) =>
  action.perSecond * (action[quantity] ?? 0) * SECONDS_PER_MONTH

function workersDollars(action: Action): number {
  return (
    monthly(action, 'workerRequests') * PRICES.workerRequest +
    monthly(action, 'workerCpuMs') * PRICES.workerCpuMs
  )
}

function callsDollars(action: Action): number {
  const gbSeconds = (monthly(action, 'objectMs') / 1000) * OBJECT_GB
  return monthly(action, 'objectRequests') * PRICES.objectRequest + gbSeconds * PRICES.objectGbSecond
}

const rowsReadDollars = (action: Action) => monthly(action, 'rowsRead') * PRICES.objectRowRead
const rowsWrittenDollars = (action: Action) => monthly(action, 'rowsWritten') * PRICES.objectRowWritten
const queuesDollars = (action: Action) =>
  monthly(action, 'messages') * OPERATIONS_PER_MESSAGE * PRICES.queueOperation

const COLUMNS = [workersDollars, callsDollars, rowsReadDollars, rowsWrittenDollars, queuesDollars]

const thousands = (amount: number) =>
  amount === 0 ? '' : `${(amount / 1000).toFixed(amount < 9_950 ? 1 : 0)}`
const count = (value: number) => Math.round(value).toLocaleString('en')

function printDollars(): void {
  const rows = ACTIONS.map((action) => {
    const parts = COLUMNS.map((of) => of(action))
    return [
      action.name,
      count(action.perSecond),
      ...parts.map(thousands),
      thousands(sum(parts, (part) => part)),
    ]
  })
  const totals = COLUMNS.map((of) => sum(ACTIONS, of))
  rows.push(['together', '', ...totals.map(thousands), thousands(sum(totals, (total) => total))])
  const headings = [
    'thousand dollars a month',
    'a second',
    'Workers',
    'calls',
    'rows read',
    'rows written',
    'Queues',
    'all',
  ]
  console.log(table(headings, rows))
}

function printRates(): void {
  const rates: [string, number][] = [
    ['Worker requests', perSecondOf('workerRequests')],
    ['object calls', perSecondOf('objectRequests')],
    ['rows written in objects', perSecondOf('rowsWritten')],
    ['rows read in objects', perSecondOf('rowsRead')],
    ['queue messages', perSecondOf('messages')],
    ['round trips to the primary', perSecondOf('writes')],
    ['round trips that a replica can serve', perSecondOf('reads')],
    ['rows written in Postgres', perSecondOf('postgresRows')],
    ['megabytes of write-ahead log', perSecondOf('walBytes') / 1e6],
  ]
  console.log(
    table(
      ['a second', ''],
      rates.map(([name, rate]) => [name, count(rate)]),
    ),
  )
}

/** Of a timeline of 850 entries whose cards have 700 bytes (test/runtime/object-rows.test.ts). */
const TIMELINE_BYTES = 900_000
/** The largest compute, taken for as many cores; CPU times and utilization are assumptions. */
const CU_MAX = 56
const WRITE_CPU_MS = 1
const READ_CPU_MS = 0.5
const UTILIZATION = 0.5

function printKept(): void {
  const perDay = perSecondOf('storedBytes') * SECONDS_PER_DAY
  const perMonth = perDay * 30
  const timelines = ((WARM_READERS * TIMELINE_BYTES) / 1e9) * PRICES.objectGbMonth
  const computes = (perSecond: number, cpuMs: number) => (perSecond * cpuMs) / 1000 / UTILIZATION / CU_MAX
  const answered = (perSecondOf('answerBytes') * SECONDS_PER_MONTH) / 1e9
  const compute = CU_MAX * PRICES.neonCuHour * HOURS_PER_MONTH
  const primaries = computes(perSecondOf('writes'), WRITE_CPU_MS)
  const replicas = computes(perSecondOf('reads'), READ_CPU_MS)
  console.log(
    [
      `Timelines: ${count((WARM_READERS * TIMELINE_BYTES) / 1e12)} TB, $${count(timelines)} a month`,
      `Postgres grows by ${count(perDay / 1e9)} GB a day, ${count(perMonth / 1e12)} TB and $${count((perMonth / 1e9) * PRICES.neonGbMonth)} a month more each month`,
      `Postgres answers ${count(answered / 1e3)} TB a month, $${count(answered * PRICES.neonEgressGb)}`,
      `A compute of ${CU_MAX} CU: $${count(compute)} a month`,
      `Computes, half busy: ${primaries.toFixed(1)} for writes, ${replicas.toFixed(1)} for reads, $${count((Math.ceil(primaries) + Math.ceil(replicas)) * compute)} a month`,
    ].join('\n'),
  )
}

printRates()
console.log()
printDollars()
console.log()
printKept()
