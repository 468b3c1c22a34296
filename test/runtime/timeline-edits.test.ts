import { describe, expect, it } from 'vitest'
import type { TimelineOp } from '../../src/contracts/timeline.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { act, fanOutBodies, post, postAndDeliver, runFanOut, spread } from './consumers.ts'
import { readHome } from './homes.ts'
import { insertFollowers, insertPeople } from './people.ts'
import { applyAll, cardOf, deliver, range, retract, retweet, viewOf, withStore } from './stores.ts'
import { StreamClient } from './stream-client.ts'

const revise = (tweet: number, revision: string): TimelineOp => ({
  type: 'revise',
  card: cardOf(tweet, revision),
})

const revisionsIn = (store: TimelineStore) => viewOf(store).page.entries.map(({ card }) => card?.revision)

describe('the card of an edited tweet', () => {
  it('replaces the old one at all of its entries, with one frame for the newest', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), retweet(10, 1), deliver(2)])
      const [effect, again] = applyAll(store, [revise(1, '2.1'), revise(1, '2.1')])
      expect(effect).toMatchObject({ type: 'revised', seq: 4, entry: { id: 10, card: { revision: '2.1' } } })
      expect(again).toBeNull()
      for (const each of [store, reopen()]) {
        expect(revisionsIn(each)).toEqual(['2.1', '1.1'])
        applyAll(each, [{ type: 'retract', of: 'retweet', id: 10 as never }])
        expect(revisionsIn(each)).toEqual(['1.1', '2.1'])
      }
    }))

  it('is not replaced by what was read before the edit, whatever brings that', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), revise(1, '3.1')])
      expect(applyAll(store, [revise(1, '2.1'), revise(1, '2.7')])).toEqual([null, null])
      store.keepCards([cardOf(1, '2.9')])
      const [late] = applyAll(store, [retweet(10, 1, { card: cardOf(1, '2.1') })])
      expect(late).toMatchObject({ type: 'shown', entry: { card: { revision: '3.1' } } })
      expect(revisionsIn(store)).toEqual(['3.1'])
      // What cannot be told to be older is taken.
      applyAll(store, [revise(1, '3.1/2.1')])
      expect(revisionsIn(store)).toEqual(['3.1/2.1'])
    }))

  it('is resumed with once, in its place, unless the tweet is gone since', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), deliver(2), revise(1, '2.1'), deliver(3), revise(1, '3.1')])
      for (const each of [store, reopen()]) {
        const missed = each.shownSince(2)?.map((one) => [one.seq, one.type])
        expect(missed).toEqual([
          [4, 'shown'],
          [5, 'revised'],
        ])
      }
      applyAll(store, [retract(1)])
      expect(store.shownSince(3)?.map(({ type }) => type)).toEqual(['shown', 'taken_back'])
    }))

  it('far down is replaced, too', () =>
    withStore((store, { reopen }) => {
      applyAll(
        store,
        range(1, 300).map((id) => deliver(id)),
      )
      const [effect] = applyAll(store, [revise(5, '2.1')])
      expect(effect).toMatchObject({ type: 'revised', entry: { card: { revision: '2.1' } } })
      expect(revisionsIn(reopen()).indexOf('2.1')).toBe(295)
    }))
})

async function setScene() {
  const [reader, author, stranger] = await insertPeople(3)
  if (!reader || !author || !stranger) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  await readHome(reader)
  return { reader, author, stranger }
}

const edit = (viewer: Viewer, tweet: TweetId, content: string) =>
  act((deps, who, id) => editTweet(deps, who, { id, content }), viewer, tweet)

describe('an edit', () => {
  it('is told to the sockets that show the tweet, once, and is on the next page', async () => {
    const { reader, author } = await setScene()
    const tweet = await postAndDeliver(author, 'Befor')
    const client = await StreamClient.connect(reader)
    const bodies = fanOutBodies(await edit(author, tweet, 'Before'))
    await Promise.all([runFanOut(bodies), runFanOut(bodies)])
    await runFanOut(bodies)
    const [ready, ...frames] = await client.framesSoFar()
    expect(ready).toMatchObject({ type: 'ready' })
    expect(frames).toMatchObject([{ type: 'tweet_edited', data: { id: tweet, content: 'Before' } }])
    expect((await readHome(reader)).tweets).toMatchObject([{ id: tweet, content: 'Before' }])

    const resumed = await StreamClient.connect(reader, ready?.seq ?? '')
    expect((await resumed.framesSoFar()).map(({ type, seq }) => [type, seq])).toEqual([
      ['tweet_edited', frames[0]?.seq],
      ['ready', frames[0]?.seq],
    ])
  })

  it('is told to the author’s own sockets with the request', async () => {
    const { author } = await setScene()
    await readHome(author)
    const { id } = await post(author, 'Befor')
    const client = await StreamClient.connect(author)
    await edit(author, id, 'Before')
    expect(await client.framesSoFar()).toMatchObject([
      { type: 'ready' },
      { type: 'tweet_edited', data: { id } },
    ])
  })

  it('is told to those who see the tweet as somebody’s retweet only', async () => {
    const { reader, author, stranger } = await setScene()
    const { id } = await post(stranger, 'Befor')
    await spread(await act(retweetTweet, author, id))
    const client = await StreamClient.connect(reader)
    await spread(await edit(stranger, id, 'Before'))
    const [, edited] = await client.framesSoFar()
    expect(edited).toMatchObject({
      type: 'tweet_edited',
      data: { id, content: 'Before', retweeted_by: { id: author.id } },
    })
  })

  it('that comes before its tweet is in the tweet', async () => {
    const { reader, author } = await setScene()
    const client = await StreamClient.connect(reader)
    const { id, outbox } = await post(author, 'Befor')
    await spread(await edit(author, id, 'Before'))
    await spread(outbox)
    const [, ...frames] = await client.framesSoFar()
    expect(frames).toMatchObject([{ type: 'tweet', data: { content: 'Before' } }])
    expect((await readHome(reader)).tweets).toMatchObject([{ content: 'Before' }])
  })

  it('of a tweet that is not there is told to nobody', async () => {
    const { reader, author, stranger } = await setScene()
    const { id } = await post(stranger, 'Befor')
    await act(retweetTweet, author, id)
    const client = await StreamClient.connect(reader)
    await spread(await edit(stranger, id, 'Before'))
    expect(await client.framesSoFar()).toMatchObject([{ type: 'ready' }])
  })
})
