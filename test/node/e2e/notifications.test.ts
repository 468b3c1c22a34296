import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withClient } from '../../../tools/stack/databases.ts'
import { until } from '../../../tools/stack/until.ts'
import { done, type Person, post } from '../harness/client.ts'
import { addPerson } from '../harness/crowd.ts'
import { inboxOf, messagesWith, shownBy } from '../harness/inbox.ts'
import { type Frame, type LiveSocket, openSocket } from '../harness/live-socket.ts'
import { databaseUrlOf, owedBy, runMinutely } from '../harness/owed.ts'
import { newPlace, type Stack, spawnStack, untilReady } from '../harness/stack.ts'
import { showWarningsOnFailure } from '../harness/warnings.ts'

const START_TIMEOUT_MS = 90_000
const DONE_WITHIN_MS = 20_000

let stack: Stack

beforeAll(async () => {
  stack = await untilReady(spawnStack(await newPlace(), { RATE_LIMITS: 'off' }))
}, START_TIMEOUT_MS)

afterAll(() => stack.place.clear())
showWarningsOnFailure(() => stack)

/** Two strangers, of whom one has two devices, and somebody whom nothing of it concerns. */
interface Scene {
  recipient: Person
  /** The recipient's. */
  devices: LiveSocket[]
  actor: Person
  /** The actor's, and somebody else's. */
  others: LiveSocket[]
  /** The recipient's. */
  tweet: number
}

async function newScene(): Promise<Scene> {
  const [recipient, actor, third] = [await addPerson(stack), await addPerson(stack), await addPerson(stack)]
  const tweet = await post(stack, recipient)
  const devices = [await openSocket(stack, recipient), await openSocket(stack, recipient)]
  const others = [await openSocket(stack, actor), await openSocket(stack, third)]
  return { recipient, devices, actor, others, tweet }
}

const as = ({ token }: Person, method: string, path: string, body?: object) =>
  done(stack, method, path, body === undefined ? { token } : { token, body })

async function write(person: Person, body: object): Promise<number> {
  return Object(await as(person, 'POST', '/tweets', body)).id
}

/** Resolves when all that was done is told. */
async function untilNothingIsOwed(): Promise<void> {
  const isDone = async () => (await owedBy(stack)).length === 0
  expect(await until(isDone, { withinMs: DONE_WITHIN_MS })).toBe(true)
}

const ofTellings = ({ type }: Frame) => /^(notification|message)/.test(type)
const tellingsOf = (socket: LiveSocket) => socket.frames.filter(ofTellings)

/** What somebody does, and how it is undone. */
interface Act {
  type: string
  /** Answers the tweet that it is about, if any. */
  does(scene: Scene): Promise<number | null>
  undoes(scene: Scene, tweet: number | null): Promise<unknown>
}

const deletes = ({ actor }: Scene, tweet: number | null) => as(actor, 'DELETE', `/tweets/${tweet}`)

const ACTS: Act[] = [
  {
    type: 'like',
    async does({ actor, tweet }) {
      await as(actor, 'POST', `/tweets/${tweet}/like`)
      return tweet
    },
    undoes: ({ actor, tweet }) => as(actor, 'DELETE', `/tweets/${tweet}/like`),
  },
  {
    type: 'retweet',
    async does({ actor, tweet }) {
      await as(actor, 'POST', `/tweets/${tweet}/retweet`)
      return tweet
    },
    undoes: ({ actor, tweet }) => as(actor, 'DELETE', `/tweets/${tweet}/retweet`),
  },
  {
    type: 'quote',
    does: ({ actor, tweet }) => write(actor, { content: 'Look at this', quote_tweet_id: tweet }),
    undoes: deletes,
  },
  {
    type: 'reply',
    does: ({ actor, tweet }) => write(actor, { content: 'Hello down there', reply_to_id: tweet }),
    undoes: deletes,
  },
  {
    type: 'mention',
    does: ({ actor, recipient }) => write(actor, { content: `Is @${recipient.username} here?` }),
    undoes: deletes,
  },
  {
    type: 'follow',
    async does({ actor, recipient }) {
      await as(actor, 'POST', `/users/${recipient.id}/follow`)
      return null
    },
    undoes: ({ actor, recipient }) => as(actor, 'DELETE', `/users/${recipient.id}/follow`),
  },
  {
    type: 'follow_request',
    async does({ actor, recipient }) {
      await as(recipient, 'PUT', `/users/${recipient.id}`, { is_private: true })
      await as(actor, 'POST', `/users/${recipient.id}/follow`)
      return null
    },
    undoes: ({ actor, recipient }) => as(actor, 'DELETE', `/users/${recipient.id}/follow`),
  },
  {
    type: 'tweet',
    async does({ actor, recipient }) {
      await as(recipient, 'POST', `/users/${actor.id}/follow`)
      await as(recipient, 'PUT', `/users/${actor.id}/follow`, { notify: true })
      return post(stack, actor)
    },
    undoes: deletes,
  },
]

describe('a notification', () => {
  it.each(ACTS)('of a $type is shown on both devices once and listed, and goes with it', async (act) => {
    const scene = await newScene()
    const { recipient, actor, devices, others } = scene
    const about = await act.does(scene)
    const tweet = about === null ? {} : { tweet: { id: about } }
    const expected = { type: act.type, actor: { id: actor.id }, is_read: false, ...tweet }
    for (const device of devices) {
      const { data } = await device.find(({ type }) => type === 'notification')
      expect(data).toMatchObject({ ...expected, unread_count: 1 })
    }
    const { unread, notifications } = await inboxOf(stack, recipient)
    expect(unread).toBe(1)
    expect(notifications).toMatchObject([expected])
    const [id] = notifications.map((listed) => listed.id)

    await act.undoes(scene, about)
    for (const device of devices) {
      const { data } = await device.find(({ type }) => type === 'notification_withdrawn')
      expect(data).toEqual({ ids: [id], unread_count: 0 })
    }
    expect(await inboxOf(stack, recipient)).toEqual({ unread: 0, notifications: [] })
    await untilNothingIsOwed()
    const shown = [
      ['notification', id],
      ['notification_withdrawn', undefined],
    ]
    for (const device of devices) {
      expect(tellingsOf(device).map(({ type, data }) => [type, Object(data).id])).toEqual(shown)
    }
    expect(others.flatMap(tellingsOf).filter(({ data }) => Object(data).type !== 'follow')).toEqual([])
  })

  it('of a poll that has ended comes from the cron job to its voter and its author, once', async () => {
    const { recipient: voter, devices, actor: author, others } = await newScene()
    const poll = { options: ['heron', 'egret'], duration_minutes: 5 }
    const tweet = await write(author, { content: 'Which?', poll })
    await as(voter, 'POST', `/tweets/${tweet}/poll/votes`, { choices: [0] })
    const end = { text: 'update polls set ends_at = now() where tweet_id = $1', values: [tweet] }
    await withClient(await databaseUrlOf(stack), (client) => client.query(end))
    await Promise.all([runMinutely(stack), runMinutely(stack)])

    const [ofAuthor, ofThird] = others
    for (const socket of [...devices, ...(ofAuthor === undefined ? [] : [ofAuthor])]) {
      const { data } = await socket.find(({ type }) => type === 'notification')
      expect(data).toMatchObject({ type: 'poll', tweet: { id: tweet }, unread_count: 1 })
    }
    await untilNothingIsOwed()
    expect([...devices, ...others].map((socket) => tellingsOf(socket).length)).toEqual([1, 1, 1, 0])
    expect(ofThird).toBeDefined()
    for (const person of [voter, author]) {
      expect(await inboxOf(stack, person)).toMatchObject({
        unread: 1,
        notifications: [{ type: 'poll', tweet: { id: tweet } }],
      })
    }
  })

  it('counts with the others, until the devices hear that they were read on one of them', async () => {
    const { recipient, devices, actor, tweet } = await newScene()
    const acts = [`/tweets/${tweet}/like`, `/tweets/${tweet}/retweet`, `/users/${recipient.id}/follow`]
    for (const [before, path] of acts.entries()) {
      await as(actor, 'POST', path)
      for (const device of devices) await device.find(({ data }) => Object(data).unread_count === before + 1)
    }
    const { unread, notifications } = await inboxOf(stack, recipient)
    expect(unread).toBe(3)
    const [newest, middle] = notifications.map(({ id }) => id)

    await as(recipient, 'PUT', `/notifications/${newest}/read`)
    await as(recipient, 'PUT', '/notifications/read-all', { up_to_id: middle })
    for (const device of devices) {
      await device.find(({ type, data }) => type === 'notifications_read' && Object(data).unread_count === 0)
    }
    expect((await inboxOf(stack, recipient)).notifications.map(({ is_read }) => is_read)).toEqual([
      true,
      true,
      true,
    ])
    await untilNothingIsOwed()
    for (const device of devices) {
      expect(tellingsOf(device).map(({ type, data }) => [type, Object(data).unread_count])).toEqual([
        ['notification', 1],
        ['notification', 2],
        ['notification', 3],
        ['notifications_read', 2],
        ['notifications_read', 0],
      ])
    }
  })
})

const ofMessage = (id: number) => (frame: Frame) => frame.type === 'message' && Object(frame.data).id === id

async function send(from: Person, to: Person, content: string): Promise<number> {
  return Object(await as(from, 'POST', `/messages/${to.id}`, { content })).id
}

describe('a message', () => {
  it('and that it was read is shown once to both, and to nobody else', async () => {
    const { recipient, devices, actor, others } = await newScene()
    await as(recipient, 'POST', `/users/${actor.id}/follow`)
    const id = await send(actor, recipient, 'A word with you')
    const expected = { id, sender_id: actor.id, receiver_id: recipient.id, content: 'A word with you' }
    const [ofSender, ofThird] = others
    if (ofSender === undefined || ofThird === undefined) throw new Error('Somebody is missing')
    const concerned = [...devices, ofSender]
    for (const socket of concerned) expect((await socket.find(ofMessage(id))).data).toMatchObject(expected)
    expect(await messagesWith(stack, recipient, actor)).toEqual([id])
    expect(await messagesWith(stack, actor, recipient)).toEqual([id])
    expect(await as(recipient, 'GET', '/messages')).toMatchObject({
      conversations: [{ user: { id: actor.id }, last_message: { id }, unread_count: 1 }],
    })

    await as(recipient, 'PUT', `/messages/${actor.id}/read`, { up_to_id: id })
    for (const socket of concerned) {
      const { data } = await socket.find(({ type }) => type === 'message_read')
      expect(data).toEqual({ reader_id: recipient.id, other_id: actor.id, up_to_id: id })
    }
    expect(await as(recipient, 'GET', '/messages')).toMatchObject({ conversations: [{ unread_count: 0 }] })
    await untilNothingIsOwed()
    for (const socket of concerned) {
      expect(tellingsOf(socket).filter(({ type }) => type !== 'notification')).toHaveLength(2)
    }
    expect(tellingsOf(ofThird)).toEqual([])
  })

  it('of a stranger comes as a request, and deleted by one is kept by the other', async () => {
    const { recipient, devices, actor } = await newScene()
    const id = await send(actor, recipient, 'You do not know me')
    for (const device of devices) {
      expect((await device.find(ofMessage(id))).data).toMatchObject({ is_request: true })
    }
    expect(await as(recipient, 'GET', '/messages')).toMatchObject({ conversations: [] })
    expect(await as(recipient, 'GET', '/messages/requests')).toMatchObject({
      conversations: [{ user: { id: actor.id }, last_message: { id } }],
    })
    await as(recipient, 'DELETE', `/messages/${actor.id}/${id}`)
    expect(await messagesWith(stack, recipient, actor)).toEqual([])
    expect(await messagesWith(stack, actor, recipient)).toEqual([id])
  })
})

describe('a socket that was away', () => {
  it('is shown what it missed once, as it is by now, and then goes on', async () => {
    const { recipient, devices, actor, tweet } = await newScene()
    const [leaving, staying] = devices
    if (leaving === undefined || staying === undefined) throw new Error('A device is missing')
    await as(actor, 'POST', `/tweets/${tweet}/like`)
    await leaving.find(({ type }) => type === 'notification')
    await leaving.close()

    await as(actor, 'POST', `/users/${recipient.id}/follow`)
    await staying.find(({ data }) => Object(data).unread_count === 2)
    await as(actor, 'DELETE', `/tweets/${tweet}/like`)
    await staying.find(({ type }) => type === 'notification_withdrawn')
    await as(actor, 'POST', `/tweets/${tweet}/retweet`)
    const id = await send(actor, recipient, 'While you were out')
    await staying.find(ofMessage(id))
    await staying.find(({ data }) => Object(data).type === 'retweet')

    const resumed = await openSocket(stack, recipient, leaving.lastSeq())
    const missed = tellingsOf(resumed).map(({ type, data }) => [type, Object(data).unread_count])
    expect(missed.toSorted()).toEqual([
      ['message', undefined],
      ['notification', 2],
      ['notification', 2],
      ['notification_withdrawn', 2],
    ])
    await as(actor, 'DELETE', `/tweets/${tweet}/retweet`)
    await resumed.find(({ data }) => Object(data).unread_count === 1)
    await untilNothingIsOwed()

    const shown = shownBy([...leaving.frames, ...resumed.frames])
    const { unread, notifications } = await inboxOf(stack, recipient)
    expect(notifications).toMatchObject([{ type: 'follow', actor: { id: actor.id } }])
    expect(shown).toMatchObject({
      wasReset: false,
      unread,
      notifications: notifications.map((listed) => listed.id),
      messages: [id],
      repeats: [],
    })
    expect(shownBy(staying.frames)).toEqual(shown)
    const nothing = await openSocket(stack, recipient, resumed.lastSeq())
    expect(nothing.frames.map(({ type }) => type)).toEqual(['ready'])
  })
})
