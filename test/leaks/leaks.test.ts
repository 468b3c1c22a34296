/// <reference types="vite/types/importMeta.d.ts" />
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { rebuild } from '../runtime/homes.ts'
import { readOperations } from '../runtime/operations.ts'
import { comeOnline, createPeople, echo, meet, subscribe, write } from './before.ts'
import { parseTable } from './cells.ts'
import { askToFollow, change, goOn, hold, push, untilDone } from './change.ts'
import { differencesOf, type Judged, judge } from './judging.ts'
import type { Place } from './place.ts'
import { pushes } from './pushed.ts'
import { homes, reads, rebuilt } from './reads.ts'
import { SHOW_NOBODY } from './show-nobody.ts'
import type { World } from './world.ts'
import { writes } from './writes.ts'

const files = import.meta.glob<string>('./expected.md', { query: '?raw', import: 'default', eager: true })
const expected = parseTable(files['./expected.md'] ?? '')
const places = [...reads, ...pushes, ...homes, ...rebuilt, ...writes]

/** Cached home pages say what changed within so long, those of pulled authors included. */
const CACHES_FORGET_MS = 15_000

let world: World

/** As `judge`, as of now. */
function ask(asked: readonly Place[]): Promise<Judged> {
  world.answers.clear()
  return judge(world, asked, expected)
}

async function expectAsWritten(asked: readonly Place[]): Promise<void> {
  const { sights, leaks } = await ask(asked)
  expect([...differencesOf(expected, sights), ...leaks]).toEqual([])
}

beforeAll(async () => {
  world = await createPeople()
  await meet(world)
  const seqs = await comeOnline(world)
  const browsers = await subscribe(world)
  await write(world)
  await echo(world)
  await untilDone()
  await ask(homes)
  await hold(world)
  await askToFollow(world)
  await change(world)
  await untilDone(world.held)
  await goOn(world, seqs)
  await push(world, browsers)
})

describe('what anybody sees of anybody', () => {
  it('is as expected.md has it, where it is asked for', () => expectAsWritten(reads))

  it('is as expected.md has it, on sockets and in pushes', () => expectAsWritten(pushes))

  it('is as expected.md has it, on home pages that were cached', () =>
    vi.waitFor(() => expectAsWritten(homes), { timeout: CACHES_FORGET_MS, interval: 500 }))

  it('is as expected.md has it, on home pages that are built anew', async () => {
    for (const person of [
      ...world.readers.values(),
      ...[...world.authors.values()].map((one) => one.person),
    ]) {
      await rebuild(person)
    }
    await expectAsWritten(rebuilt)
  })

  it('is as expected.md has it, where something is written', () => expectAsWritten(writes))
})

describe('expected.md', () => {
  it('has a row for every route, or the route is among those that show nobody', async () => {
    const routes = (await readOperations()).map(({ name }) => name)
    const asked = new Set(places.map(({ name }) => name.split(' · ')[0]))
    const missing = routes.filter((route) => !asked.has(route) && !(route in SHOW_NOBODY))
    const advice = 'say in reads.ts or writes.ts how it is asked, and in expected.md what it shows to whom'
    expect(missing.map((route) => `${route} is not in the table: ${advice}`)).toEqual([])
    const gone = [...asked, ...Object.keys(SHOW_NOBODY)].filter(
      (route) => route?.startsWith('GET /') === true && !routes.includes(route),
    )
    expect(gone).toEqual([])
  })

  it('has no row that nobody asks', () => {
    const names = new Set(places.map(({ name }) => name))
    expect([...expected.keys()].filter((name) => !names.has(name))).toEqual([])
  })
})
