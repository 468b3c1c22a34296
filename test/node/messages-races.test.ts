import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/db/client.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { AMPLE_MESSAGES, type Messaging, messagingIn, WRONG_CONVERSATIONS } from './harness/messages.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const PEOPLE = 4

let database: TestDatabase
let people: Community
let messaging: Messaging

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  const db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  messaging = messagingIn(db, database.pool)
})

afterAll(() => database.stop())

const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

async function expectCountsRight(): Promise<void> {
  expect((await database.pool.query(WRONG_CONVERSATIONS)).rows).toEqual([])
}

const action = fc.record({
  type: fc.constantFrom(
    ...(['send', 'send', 'send', 'send', 'read', 'read', 'hide', 'hide'] as const),
    ...(['accept', 'decline'] as const),
  ),
  who: fc.nat(PEOPLE - 1),
  other: fc.nat(PEOPLE - 2),
  /** Which of the messages so far, as a share of them. */
  place: fc.double({ min: 0, max: 1, noNaN: true }),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

/** The messages of one database, in one sequence: any of them may be named by any action. */
async function someMessage(place: number): Promise<number> {
  const { rows } = await database.pool.query<{ last: number }>(
    'select coalesce(max(id), 1)::float8 as last from direct_messages',
  )
  const last = rows[0]?.last ?? 1
  return Math.max(1, Math.round(last - place * 30))
}

async function act(users: UserId[], { type, who, other, place }: Action): Promise<unknown> {
  const user = users[who]
  const partner = users.filter((_, index) => index !== who)[other]
  if (user === undefined || partner === undefined) throw new Error('Nobody')
  switch (type) {
    case 'send':
      return (await messaging.send(user, partner)).outcome
    case 'read':
      return (await messaging.read(user, partner, await someMessage(place))).outcome
    case 'hide':
      return messaging.hide(user, partner, await someMessage(place))
    case 'accept':
      return messaging.accept(user, partner)
    case 'decline':
      return messaging.decline(user, partner)
  }
}

describe(`when ${PEOPLE} people write, read, delete, accept and decline at once`, () => {
  it('every conversation shows its newest message and counts what is unread', async () => {
    const done = new Set<unknown>()
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 80, maxLength: 160 }), async (actions) => {
        const users = await people.addUsers(PEOPLE)
        for (const outcome of await Promise.all(actions.map((one) => act(users, one)))) done.add(outcome)
        await expectCountsRight()
      }),
      { numRuns: 12, endOnFailure: true },
    )
    const outcomes = ['sent', 'read', 'hidden', 'accepted', 'declined', 'message_not_found']
    expect([...done]).toEqual(expect.arrayContaining(outcomes))
  })
})

describe('messages of one pair at once', () => {
  it('are all counted, both ways, without a deadlock', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    const results = await Promise.all(
      times(30, (n) => (n % 2 === 0 ? messaging.send(a, b) : messaging.send(b, a))),
    )
    expect(results.map(({ outcome }) => outcome)).toEqual(times(30, () => 'sent'))
    expect(await messaging.conversation(a, b)).toMatchObject({ unread_count: 15 })
    expect(await messaging.conversation(b, a)).toMatchObject({ unread_count: 15 })
    await expectCountsRight()
  })

  it('never exceed the quota', async () => {
    const [a, b, c] = [await people.addUser(), await people.addUser(), await people.addUser()]
    const quota = { ...AMPLE_MESSAGES, limit: 10 }
    const results = await Promise.all(times(40, (n) => messaging.send(a, n % 2 === 0 ? b : c, {}, quota)))
    expect(results.filter(({ outcome }) => outcome === 'sent')).toHaveLength(10)
    expect(results.filter(({ outcome }) => outcome === 'rate_limited')).toHaveLength(30)
    await expectCountsRight()
  })

  it('have ids in the order of their commits: a page that was read misses none below it', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    let writing = true
    const writes = Promise.all(
      times(60, (n) => messaging.send(n % 2 === 0 ? a : b, n % 2 === 0 ? b : a)),
    ).then(() => {
      writing = false
    })
    const pages: number[][] = []
    while (writing) pages.push((await messaging.seen(a, b)) ?? [])
    await writes
    const all = (await messaging.seen(a, b)) ?? []
    for (const page of pages) expect(all.slice(all.length - page.length)).toEqual(page)
    expect(pages.length).toBeGreaterThan(2)
  })
})

/** Begins `work` while a transaction holds what its statements lock, and lets go of it once `work` waits. */
async function whileHeld<Result>(
  statements: { text: string; values: unknown[] }[],
  work: () => Promise<Result>,
): Promise<Result> {
  let working: Promise<Result> | undefined
  await inTransaction(people.pool, statements, async () => {
    let settled = false
    working = work().finally(() => {
      settled = true
    })
    await expect.poll(async () => settled || (await somebodyWaits(people.pool))).toBe(true)
    expect(settled).toBe(false)
  })
  if (working === undefined) throw new Error('Nothing was begun')
  return working
}

const lockOf = (one: UserId, other: UserId) => ({
  text: `select pg_advisory_xact_lock(hashtextextended(least($1::bigint, $2) || ':' || greatest($1::bigint, $2), 0))`,
  values: [one, other],
})
const blockOf = (blocker: UserId, blocked: UserId) => [
  lockOf(blocker, blocked),
  { text: 'insert into blocks (blocker_id, blocked_id) values ($1, $2)', values: [blocker, blocked] },
]

describe('whatever changes a conversation', () => {
  it.each<[string, (a: UserId, b: UserId, id: number) => Promise<unknown>, unknown]>([
    ['reading', async (a, b) => (await messaging.read(b, a)).outcome, 'read'],
    ['deleting', (a, b, id) => messaging.hide(b, a, id), 'message_not_found'],
    ['accepting', (a, b) => messaging.accept(b, a), 'message_request_not_found'],
    ['declining', (a, b) => messaging.decline(b, a), 'declined'],
  ])('waits for what the pair does, and sees it: %s across a block', async (_, work, outcome) => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    const id = await messaging.sent(a, b)
    const before = await messaging.conversation(b, a)
    expect(await whileHeld(blockOf(a, b), () => work(a, b, id))).toBe(outcome)
    expect(await messaging.conversation(b, a)).toEqual(before)
  })
})

describe('a message', () => {
  it('waits for a block that was there first, and is refused', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    const { outcome } = await whileHeld(blockOf(b, a), () => messaging.send(a, b))
    expect(outcome).toBe('blocked')
    expect(await messaging.conversation(b, a)).toBeNull()
  })

  it('waits for nobody but its own pair, however popular the receiver is', async () => {
    const popular = await people.addUser()
    const [first, second] = [await people.addUser(), await people.addUser()]
    await inTransaction(people.pool, [lockOf(first, popular)], async () => {
      expect(await messaging.send(second, popular)).toMatchObject({ outcome: 'sent' })
    })
  })
})

describe('one message that is read and deleted at once', () => {
  it('is counted as read once', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = [await people.addUser(), await people.addUser()]
      await messaging.sent(b, a)
      const id = await messaging.sent(a, b)
      await Promise.all(
        times(3, (n) => (n === round % 3 ? messaging.hide(b, a, id) : messaging.read(b, a, id))),
      )
      expect(await messaging.conversation(b, a)).toMatchObject({ unread_count: 0 })
    }
    await expectCountsRight()
  })
})

describe('one message that both delete at once', () => {
  it('is gone, and counted by neither', async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = [await people.addUser(), await people.addUser()]
      const id = await messaging.sent(a, b)
      const both = [messaging.hide(a, b, id), messaging.hide(b, a, id), messaging.read(b, a)]
      expect((await Promise.all(both)).slice(0, 2)).toEqual(['hidden', 'hidden'])
      const { rowCount } = await database.pool.query('select from direct_messages where id = $1', [id])
      expect(rowCount).toBe(0)
    }
    await expectCountsRight()
  })
})
