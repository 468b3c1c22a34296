import { parseArgs } from 'node:util'
import { table } from '../tools/stack/table.ts'
import {
  costOf,
  DELIVERY_AS_BUILT,
  type DeliveryRows,
  type LimitCost,
  type Load,
} from './fan-out-model/costs.ts'
import { buildGraph, type GraphAssumptions, sum } from './fan-out-model/graph.ts'
import { SECONDS_PER_MONTH } from './fan-out-model/prices.ts'
import { drawReaders } from './fan-out-model/readers.ts'

/**
 * What each value of `FANOUT_PUSH_LIMIT` would cost at 500 million daily users: `node bench/simulate-fanout.ts`. The same
 * seed prints the same tables. docs/capacity.md explains them, and says what is published, measured and assumed.
 */
const DAILY_USERS = 500_000_000
const HOME_READS_PER_SECOND = 578_703 * 0.6
const READS_PER_ISOLATE = 100

const LIMITS = [1, 1e3, 1e4, 1e5, 3e5, 1e6, 3e6, 1e7, 1e8, Number.POSITIVE_INFINITY]
const SENSITIVITY_LIMITS = [1e5, 1e6, 1e7]
const CHOSEN = 1e6

const GRAPH: GraphAssumptions = { authors: DAILY_USERS, postsPerDay: 500_000_000, largePostingFactor: 1 }
const LOAD: Load = {
  warmReaders: 1.4 * DAILY_USERS,
  warmShare: 0.6,
  replyShare: 0.3,
  replyReach: 0.05,
  homeReadsPerSecond: HOME_READS_PER_SECOND,
  isolates: Math.round(578_703 / READS_PER_ISOLATE),
  caches: 40,
  delivery: DELIVERY_AS_BUILT,
}

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } })
const seed = Number(values.seed)

function simulate(
  limits: number[],
  graphOf: GraphAssumptions,
  load: Load,
): [limit: number, cost: LimitCost][] {
  const graph = buildGraph(graphOf)
  const edges = sum(graph, ({ authors, followers }) => authors * followers)
  // How many people a warm reader follows is a fact of the graph; variations of the load leave it.
  const meanFollowees = (edges * LOAD.warmShare) / LOAD.warmReaders
  const readers = drawReaders(graph, limits, { seed, meanFollowees })
  return limits.flatMap((limit) => {
    const pulled = readers.get(limit)
    return pulled === undefined ? [] : [[limit, costOf(graph, limit, load, pulled)]]
  })
}

function name(limit: number): string {
  if (limit === 1) return 'pull all'
  if (limit === Number.POSITIVE_INFINITY) return 'push all'
  return `${short(limit)}${limit === CHOSEN ? ' *' : ''}`
}

function short(value: number): string {
  const [unit, letter] = UNITS.find(([from]) => value >= from) ?? [1, '']
  const scaled = value / unit
  return `${scaled >= 100 || Number.isInteger(scaled) ? scaled.toFixed(0) : scaled.toPrecision(2)}${letter}`
}
const UNITS: [number, string][] = [
  [1e12, ' T'],
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
]

const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
const dollars = (amount: number) => `$${short(amount)}`

function printPush(costs: [number, LimitCost][]): void {
  console.log('\nPushing: what deliveries cost\n')
  console.log(
    table(
      [
        'limit',
        'pulled authors',
        'not live',
        'deliveries/s',
        'rows written/s',
        'messages/s',
        'queue ops/s',
        'largest push',
        'to the last',
        '$/month',
      ],
      costs.map(([limit, cost]) => [
        name(limit),
        short(cost.pulledAuthors),
        percent(cost.notLiveShare),
        short(cost.deliveriesPerSecond),
        short(cost.rowsWrittenPerSecond),
        short(cost.messagesPerSecond),
        short(cost.queueOperationsPerSecond),
        short(cost.largestPush),
        `${cost.lastFollowerSeconds.toFixed(1)} s`,
        dollars(cost.pushDollars),
      ]),
    ),
  )
}

function printPull(costs: [number, LimitCost][]): void {
  console.log('\nPulling: what home reads cost by it\n')
  console.log(
    table(
      [
        'limit',
        '0 pulled',
        '1',
        '2-10',
        'more',
        'mean',
        'p99',
        'misses/read',
        'misses/s',
        'kept for',
        'SQL authors/s',
        'MB/isolate',
        '$/month',
        'both',
      ],
      costs.map(([limit, cost]) => [
        name(limit),
        percent(cost.pulled.none),
        percent(cost.pulled.one),
        percent(cost.pulled.some),
        percent(cost.pulled.many),
        cost.pulled.mean.toFixed(1),
        String(cost.pulled.p99),
        cost.missesPerRead.toFixed(1),
        short(cost.missesPerSecond),
        `${cost.keptSeconds.toPrecision(2)} s`,
        short(cost.databaseReadsPerSecond),
        short(cost.isolateMegabytes),
        dollars(cost.pullDollars),
        dollars(cost.pushDollars + cost.pullDollars),
      ]),
    ),
  )
}

function printSensitivity(): void {
  const variations: [string, Partial<GraphAssumptions>, Partial<Load>][] = [
    ['as above', {}, {}],
    ['warm share 30 %', {}, { warmShare: 0.3 }],
    ['warm share 90 %', {}, { warmShare: 0.9 }],
    ['from 100 k followers on, a third of the posts', { largePostingFactor: 1 / 3 }, {}],
    ['from 100 k followers on, 3 times the posts', { largePostingFactor: 3 }, {}],
    ['from 100 k followers on, 10 times the posts', { largePostingFactor: 10 }, {}],
    ['no replies', {}, { replyShare: 0 }],
    ['10 caches in place of 40', {}, { caches: 10 }],
    ['300 caches', {}, { caches: 300 }],
    ['deliveries as ADR 0025 proposes', {}, { delivery: { written: 1, readToWake: 8 } }],
  ]
  console.log('\nSensitivity: $/month of both and, in brackets, authors/s asked of Postgres\n')
  console.log(
    table(
      ['', ...SENSITIVITY_LIMITS.map(name), 'deliveries/s at 1 M'],
      variations.map(([label, graph, load]) => {
        const costs = simulate(SENSITIVITY_LIMITS, { ...GRAPH, ...graph }, { ...LOAD, ...load })
        const cells = costs.map(
          ([, cost]) =>
            `${dollars(cost.pushDollars + cost.pullDollars)} (${short(cost.databaseReadsPerSecond)})`,
        )
        const chosen = costs.find(([limit]) => limit === CHOSEN)
        return [label, ...cells, short(chosen?.[1].deliveriesPerSecond ?? 0)]
      }),
    ),
  )
}

/** What was, what is, and what ADR 0025 proposes, alone and together. */
const DELIVERIES: [string, DeliveryRows][] = [
  ['a waking object ranks its entries as it reads them (no longer)', { written: 2, readToWake: 3_409 }],
  ['as built', DELIVERY_AS_BUILT],
  ['an entry is written over the oldest one', { written: 1, readToWake: 1_208 }],
  ['a sleeping object looks up what a delivery needs, and nothing else', { written: 2, readToWake: 8 }],
  ['both of these', { written: 1, readToWake: 8 }],
]

function printDeliveries(): void {
  console.log('\nWhat a delivery is billed for, at 1 M\n')
  console.log(
    table(
      ['', 'rows written', 'rows read to wake', 'a million', '$/month'],
      DELIVERIES.map(([label, delivery]) => {
        const cost = simulate([CHOSEN], GRAPH, { ...LOAD, delivery })[0]?.[1]
        const perMonth = cost?.pushDollars ?? 0
        const perMillion = (perMonth / ((cost?.deliveriesPerSecond ?? 1) * SECONDS_PER_MONTH)) * 1e6
        const { written, readToWake } = delivery
        return [label, String(written), String(readToWake), `$${perMillion.toFixed(2)}`, dollars(perMonth)]
      }),
    ),
  )
}

const graph = buildGraph(GRAPH)
const edges = sum(graph, ({ authors, followers }) => authors * followers)
const posts = sum(graph, ({ authors, postsPerDay }) => authors * postsPerDay)
console.log(
  `${short(DAILY_USERS)} authors, ${short(edges)} follows, ${short(edges / DAILY_USERS)} followers each on average; ` +
    `${short(posts)} posts a day; ${short(LOAD.warmReaders)} warm readers who follow ` +
    `${((edges * LOAD.warmShare) / LOAD.warmReaders).toFixed(0)} each; ${short(LOAD.homeReadsPerSecond)} home reads/s; ` +
    `${short(LOAD.isolates)} isolates. * is the default.`,
)
const costs = simulate(LIMITS, GRAPH, LOAD)
printPush(costs)
printPull(costs)
printSensitivity()
printDeliveries()
