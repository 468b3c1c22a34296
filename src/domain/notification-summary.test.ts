import { describe, expect, it } from 'vitest'
import { summaryOf } from './notification-summary.ts'
import { NOTIFICATION_TYPES, type NotificationType } from './notifications.ts'

describe('a summary', () => {
  it.each<[string[], number, string]>([
    [['Ada'], 1, 'Ada liked your tweet'],
    [['Ada', 'Grace'], 2, 'Ada and Grace liked your tweet'],
    [['Ada', 'Grace', 'Alan'], 3, 'Ada, Grace and 1 other liked your tweet'],
    [['Ada', 'Grace', 'Alan', 'Kurt', 'Emmy'], 42, 'Ada, Grace and 40 others liked your tweet'],
    [['Ada'], 3, 'Ada and 2 others liked your tweet'],
    [[], 1, 'Somebody liked your tweet'],
    [[], 7, '7 people liked your tweet'],
  ])('of %j, %i in all, names two and counts the others', (names, total, expected) => {
    expect(summaryOf('like', names, total, true)).toBe(expected)
  })

  it.each<[NotificationType, string]>([
    ['like', 'Ada liked your tweet'],
    ['retweet', 'Ada retweeted your tweet'],
    ['quote', 'Ada quoted your tweet'],
    ['reply', 'Ada replied to your tweet'],
    ['mention', 'Ada mentioned you'],
    ['follow', 'Ada followed you'],
    ['follow_request', 'Ada asked to follow you'],
    ['tweet', 'Ada tweeted'],
    ['poll', 'A poll that you voted in has ended'],
  ])('says what happened: %s', (type, expected) => {
    expect(summaryOf(type, ['Ada'], 1, false)).toBe(expected)
  })

  it('of a poll knows whose it was', () => {
    expect(summaryOf('poll', ['Ada'], 1, true)).toBe('Your poll has ended')
  })

  it('is there for every type', () => {
    for (const type of NOTIFICATION_TYPES) expect(summaryOf(type, ['Ada'], 1, false)).toMatch(/^\w/)
  })
})
