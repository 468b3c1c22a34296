import { describe, expect, it } from 'vitest'
import { applyAll, deliver, range, retract, viewOf, warmed, withStore } from './stores.ts'
import {
  message,
  messagesRead,
  missedSince,
  notify,
  read,
  readUpTo,
  shownOf,
  unread,
  withdraw,
} from './tellings.ts'

describe('a notification', () => {
  it('is shown once, however often it is told, over an eviction too', () =>
    withStore((store, { reopen }) => {
      expect(shownOf(store, [notify(1), notify(1), notify(2)])).toEqual([
        ['notification', 1, 1],
        null,
        ['notification', 2, 2],
      ])
      const again = reopen()
      expect(shownOf(again, [notify(2), notify(1)])).toEqual([null, null])
      expect(viewOf(again)).toEqual(viewOf(store))
      expect(again.seq).toBe(2)
    }))

  it('that was withdrawn is shown again only by what is told as of later', () =>
    withStore((store, { reopen }) => {
      const ops = [notify(1, unread(1, 1)), withdraw([1], unread(0, 2)), notify(1, unread(1, 1))]
      expect(shownOf(store, ops)).toEqual([['notification', 1, 1], ['withdrawn', [1], 0], null])
      for (const each of [store, reopen()]) expect(missedSince(each, 0)).toEqual([[2, 'withdrawn', [1]]])
      expect(shownOf(reopen(), [notify(1, unread(1, 3)), notify(1, unread(1, 3))])).toEqual([
        ['notification', 1, 1],
        null,
      ])
      expect(missedSince(reopen(), 0)).toEqual([
        [2, 'withdrawn', [1]],
        [3, 'notification', 1],
      ])
    }))

  it('that is overtaken by its withdrawal is not shown', () =>
    withStore((store) => {
      expect(shownOf(store, [withdraw([1], unread(0, 2)), notify(1, unread(1, 1))])).toEqual([
        ['withdrawn', [1], 0],
        null,
      ])
    }))

  it('that is told again outranks a withdrawal of in between that comes late, over an eviction too', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [notify(1, unread(1, 1))])
      expect(shownOf(store, [notify(1, unread(1, 3))])).toEqual([null])
      for (const each of [store, reopen()]) {
        expect(shownOf(each, [withdraw([1], unread(0, 2))])).toEqual([null])
        expect(missedSince(each, 0)).toEqual([[1, 'notification', 1]])
        expect(missedSince(each, 1)).toEqual([])
      }
    }))
})

describe('a withdrawal', () => {
  it('of what nobody was told is shown, once', () =>
    withStore((store, { reopen }) => {
      const op = withdraw([7, 8], unread(0, 2))
      expect(shownOf(store, [op, op])).toEqual([['withdrawn', [7, 8], 0], null])
      expect(shownOf(reopen(), [op])).toEqual([null])
    }))

  it('says only what holds, and what it repeats outranks what comes late', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [notify(1, unread(1, 1)), notify(2, unread(2, 9)), withdraw([3], unread(2, 5))])
      expect(shownOf(store, [withdraw([1, 2, 3], unread(1, 8))])).toEqual([['withdrawn', [1, 3], 2]])
      for (const each of [store, reopen()]) {
        expect(shownOf(each, [notify(3, unread(2, 7)), notify(1, unread(1, 8))])).toEqual([null, null])
      }
    }))

  it('holds against what is told as of the same state, whichever comes first', () =>
    withStore((store) => {
      const [there, gone] = [notify(1, unread(1, 4)), withdraw([1], unread(0, 4))]
      expect(shownOf(store, [there, gone, there]).map((shown) => shown !== null)).toEqual([true, true, false])
      expect(missedSince(store, 1)).toEqual([[2, 'withdrawn', [1]]])
    }))
})

describe('how many are unread', () => {
  it('is what the newest version says, in what comes late too, over an eviction too', () =>
    withStore((store, { reopen }) => {
      expect(shownOf(store, [notify(2, unread(2, 2)), notify(1, unread(1, 1))])).toEqual([
        ['notification', 2, 2],
        ['notification', 1, 2],
      ])
      const again = reopen()
      expect(again.unreadCount).toBe(2)
      expect(shownOf(again, [notify(0, unread(9, 0))])).toEqual([['notification', 0, 2]])
    }))

  it('is shown by itself when what is told again says that it has changed', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [notify(1, unread(1, 1))])
      expect(shownOf(store, [notify(1, unread(4, 5)), notify(1, unread(4, 6))])).toEqual([['count', 4], null])
      expect(reopen().unreadCount).toBe(4)
      expect(missedSince(reopen(), 1)).toEqual([[2, 'count']])
      expect(shownOf(reopen(), [notify(2, unread(2, 3))])).toEqual([['notification', 2, 4]])
    }))
})

describe('that notifications are read', () => {
  it('is shown once for each, and as far as it goes on', () =>
    withStore((store, { reopen }) => {
      const ops = [
        read(5, unread(3, 1)),
        read(5, unread(3, 1)),
        readUpTo(9, unread(0, 2)),
        readUpTo(9, unread(0, 2)),
        readUpTo(8, unread(0, 2)),
        read(7, unread(0, 2)),
        read(10, unread(0, 3)),
      ]
      expect(shownOf(store, ops)).toEqual([
        ['read', 5, 3],
        null,
        ['read', 'up to 9', 0],
        null,
        null,
        null,
        ['read', 10, 0],
      ])
      expect(shownOf(reopen(), ops)).toEqual(ops.map(() => null))
    }))

  it('is shown again of one that is shown again', () =>
    withStore((store) => {
      const ops = [
        notify(1, unread(1, 1)),
        read(1, unread(0, 2)),
        withdraw([1], unread(0, 3)),
        notify(1, unread(1, 4)),
        read(1, unread(0, 5)),
      ]
      expect(shownOf(store, ops).at(-1)).toEqual(['read', 1, 0])
    }))
})

describe('messages', () => {
  it('are shown once each, and how far they were read as far as it goes on, by reader and sender', () =>
    withStore((store, { reopen }) => {
      const ops = [
        message(3),
        message(2),
        message(3),
        messagesRead(1, 2, 3),
        messagesRead(1, 2, 3),
        messagesRead(1, 2, 2),
        messagesRead(2, 1, 2),
        messagesRead(1, 2, 4),
      ]
      expect(shownOf(store, ops)).toEqual([
        ['message', 3, 0],
        ['message', 2, 0],
        null,
        ['messages read', 3, 0],
        null,
        null,
        ['messages read', 2, 0],
        ['messages read', 4, 0],
      ])
      expect(shownOf(reopen(), ops)).toEqual(ops.map(() => null))
    }))
})

describe('the log of what was told', () => {
  it('is resumed from together with the timeline, in the order of arrival', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), notify(1), retract(2), message(1), deliver(3), read(1, unread(0, 2))])
      for (const each of [store, reopen()]) {
        expect(missedSince(each, 1)).toEqual([
          [2, 'notification', 1],
          [3, 'taken_back'],
          [4, 'message', 1],
          [5, 'shown'],
          [6, 'read', 1],
        ])
        expect(each.seq).toBe(6)
      }
    }))

  it('is trimmed to 200 past 250: whoever has not seen what is forgotten starts anew', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), ...range(1, 250).map((id) => notify(id))])
      expect(store.shownSince(0)).toHaveLength(251)
      applyAll(store, [notify(251)])
      for (const each of [store, reopen()]) {
        expect([each.seq, each.unreadCount]).toEqual([252, 251])
        // The 51 that are forgotten came as 2 to 52.
        expect(each.shownSince(51)).toBeNull()
        expect(each.shownSince(52)).toHaveLength(200)
        expect(shownOf(each, [notify(52), notify(251)])).toEqual([null, null])
      }
    }))

  it('is forgotten by a build', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [notify(1), message(1)])
      warmed(store)
      for (const each of [store, reopen()]) {
        expect([each.seq, each.unreadCount, each.shownSince(0)]).toEqual([0, 0, []])
      }
      expect(shownOf(store, [notify(1), message(1)])).toEqual([
        ['notification', 1, 1],
        ['message', 1, 1],
      ])
    }))

  it('holds what came during a build, once, in the order of the new epoch', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [notify(1), notify(2), message(1)])
      const ops = [notify(2, unread(1, 3)), message(2), notify(2, unread(1, 3)), withdraw([1], unread(1, 3))]
      warmed(store, {}, () => store.log(ops))
      for (const each of [store, reopen()]) {
        expect(missedSince(each, 0)).toEqual([
          [1, 'notification', 2],
          [2, 'message', 2],
          [3, 'withdrawn', [1]],
        ])
        expect([each.seq, each.unreadCount]).toEqual([3, 1])
      }
    }))
})
