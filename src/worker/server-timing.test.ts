import { expect, it } from 'vitest'
import { ServerTiming } from './server-timing.ts'

/** A clock that stands where it is put. */
function clock() {
  let nowMs = 1_000
  return {
    now: () => nowMs,
    /** Work that takes so long. */
    taking: (ms: number) => async () => {
      nowMs += ms
      return ms
    },
  }
}

it('says nothing of a request that has no parts', () => {
  expect(new ServerTiming(clock().now).header()).toBe('')
})

it('sums what each part took, in the order in which they first ended', async () => {
  const { now, taking } = clock()
  const timing = new ServerTiming(now)
  await timing.timed('auth', taking(1))
  await timing.timed('db', taking(20))
  await timing.timed('object', taking(0))
  await timing.timed('db', taking(5.5))
  expect(timing.header()).toBe('auth;dur=1, db;dur=25.5, object;dur=0')
})

it('answers what the work answers', async () => {
  const { now, taking } = clock()
  expect(await new ServerTiming(now).timed('db', taking(7))).toBe(7)
})

it('counts work that failed, and lets the failure pass', async () => {
  const { now, taking } = clock()
  const timing = new ServerTiming(now)
  const failing = async () => {
    await taking(3)()
    throw new Error('gone')
  }
  await expect(timing.timed('password', failing)).rejects.toThrow('gone')
  expect(timing.header()).toBe('password;dur=3')
})
