import { describe, expect, it } from 'vitest'
import type { MutedWord, TimelineOp } from '../../src/contracts/timeline.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import { applyAll, deliver, NOW_MS, viewOf, warmed, withStore } from './stores.ts'

const word = (phrase: string, expiresAtMs: number | null = null): MutedWord => ({ phrase, expiresAtMs })
const told = (version: number, ...phrases: string[]): TimelineOp => ({
  type: 'preferences',
  words: phrases.map((phrase) => word(phrase)),
  hidesSensitive: true,
  version,
})

const phrasesIn = (store: TimelineStore) =>
  viewOf(store).page.mutedWords?.words.map(({ phrase }) => phrase) ?? null

describe('the muted words of a timeline', () => {
  it('are not on its pages when there are none', () =>
    withStore((store) => {
      expect(phrasesIn(store)).toBeNull()
      applyAll(store, [told(1)])
      expect(phrasesIn(store)).toBeNull()
    }))

  const ops = [told(10, 'a'), told(20, 'a', 'b'), told(30)]
  it.each([
    ['in order', ops],
    ['the other way round', ops.toReversed()],
    ['twice', [...ops, ...ops]],
  ])('are what the newest version says, told %s, and cost no frame', (_name, given) =>
    withStore((store, { reopen }) => {
      expect(applyAll(store, given)).toEqual(given.map(() => null))
      for (const each of [store, reopen()]) expect(phrasesIn(each)).toBeNull()
      applyAll(store, [told(40, 'c')])
      for (const each of [store, reopen()]) expect(phrasesIn(each)).toEqual(['c'])
      expect(store.seq).toBe(0)
    }),
  )

  it('come with a build, whatever was told before; what was told since is newer', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [told(10, 'a')])
      expect(phrasesIn(warmed(store, { muted_words: [word('b')], version: 20 }))).toEqual(['b'])
      applyAll(store, [told(19, 'late')])
      expect(phrasesIn(store)).toEqual(['b'])
      applyAll(store, [told(21, 'c')])
      for (const each of [store, reopen()]) expect(phrasesIn(each)).toEqual(['c'])
    }))

  it('that are told during a build count by their version, too', () =>
    withStore((store) => {
      const building = (op: TimelineOp) => {
        store.beginBuild()
        store.log([op])
        const pulled = {
          entries: [],
          followees: [],
          graph_version: 0,
          dropped: [],
          silent: [],
          acted: [],
          marker: null,
          hides_sensitive: true,
        }
        const muted_words = [word('pulled')]
        store.finishBuild({ ...pulled, muted_words, version: 20 }, { databaseEpoch: 1, nowMs: NOW_MS })
        return phrasesIn(store)
      }
      expect(building(told(19, 'told'))).toEqual(['pulled'])
      expect(building(told(21, 'told'))).toEqual(['told'])
    }))

  it('of a build that has none outrank what comes late', () =>
    withStore((store) => {
      warmed(store, { version: 20 })
      applyAll(store, [told(19, 'late')])
      expect(phrasesIn(store)).toBeNull()
    }))

  it('leave all entries where they are: who reads the page is who knows the newest cards', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), told(1, 'tweet')])
      expect(viewOf(store).page.entries).toHaveLength(1)
    }))
})
