import { describe, expect, it } from 'vitest'
import {
  AUDIENCES,
  type Audience,
  isNotified,
  NOTIFICATION_TYPES,
  type NotificationFacts,
  type NotificationType,
} from './notifications.ts'

/** A stranger did it, and nothing stands against it. */
const PLAIN: Omit<NotificationFacts, 'type'> = {
  isSelf: false,
  arePresent: true,
  isBlocked: false,
  hasMutedActor: false,
  followsActor: false,
  maySeeTweet: true,
  hasMutedConversation: false,
  holdsMutedWords: false,
  preference: 'everyone',
}

const isTold = (type: NotificationType, facts: Partial<NotificationFacts> = {}) =>
  isNotified({ ...PLAIN, type, ...facts })

const AGAINST: [string, Partial<NotificationFacts>][] = [
  ['by or to somebody who is deactivated or suspended', { arePresent: false }],
  ['across a block', { isBlocked: true }],
  ['by somebody who is muted', { hasMutedActor: true }],
  ['about a tweet that may not be seen', { maySeeTweet: false }],
  ['in a conversation that is muted', { hasMutedConversation: true }],
  ['in words that are muted', { holdsMutedWords: true }],
]

const BY_PREFERENCE: [Audience, { followed: boolean; stranger: boolean }][] = [
  ['everyone', { followed: true, stranger: true }],
  ['following', { followed: true, stranger: false }],
  ['nobody', { followed: false, stranger: false }],
]

describe.each(NOTIFICATION_TYPES)('of a %s', (type) => {
  it('one is told where nothing stands against it', () => {
    expect(isTold(type)).toBe(true)
  })

  it.each(AGAINST)('one is not told %s, even by somebody one follows', (_, facts) => {
    expect(isTold(type, facts)).toBe(false)
    expect(isTold(type, { ...facts, followsActor: true })).toBe(false)
  })

  it.each(BY_PREFERENCE)('one who wants to hear %s of those is told accordingly', (preference, expected) => {
    expect(isTold(type, { preference, followsActor: true })).toBe(expected.followed)
    expect(isTold(type, { preference, followsActor: false })).toBe(expected.stranger)
  })

  it.each(AGAINST)('no preference outweighs what is %s', (_, facts) => {
    for (const preference of AUDIENCES) {
      expect(isTold(type, { ...facts, preference, followsActor: true })).toBe(false)
    }
  })
})

describe('of what one did oneself', () => {
  it.each(NOTIFICATION_TYPES.filter((type) => type !== 'poll'))('one is never told: %s', (type) => {
    for (const preference of AUDIENCES) expect(isTold(type, { isSelf: true, preference })).toBe(false)
  })

  it('one is told that one’s poll has ended, unless one wants to hear of no polls', () => {
    expect(isTold('poll', { isSelf: true })).toBe(true)
    expect(isTold('poll', { isSelf: true, preference: 'following' })).toBe(true)
    expect(isTold('poll', { isSelf: true, preference: 'nobody' })).toBe(false)
  })

  it('one is not told even that once one is deactivated or suspended', () => {
    expect(isTold('poll', { isSelf: true, arePresent: false })).toBe(false)
  })
})
