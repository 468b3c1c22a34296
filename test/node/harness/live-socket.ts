import { WebSocket } from 'ws'
import { z } from 'zod'
import { frame } from '../../../src/contracts/timeline.ts'
import type { Person } from './client.ts'
import type { Stack } from './stack.ts'

export type Frame = z.infer<typeof frame> & {
  /** When it came, as `performance.now()` tells. */
  atMs: number
}

/** The local runtime keeps a connection for a while after it has said goodbye: the close frame is what counts. */
const SOCKET_OPTIONS = { handshakeTimeout: 10_000, closeTimeout: 100 }
const FRAME_WITHIN_MS = 20_000

/** A client's socket to its own timeline, with all that it has shown. */
export interface LiveSocket {
  /** In the order of arrival; those that a resumed socket has missed stand before `ready`. */
  frames: readonly Frame[]
  /** The first frame that matches, be it here or still to come. Throws when it takes longer than twenty seconds. */
  find(matches: (frame: Frame) => boolean): Promise<Frame>
  /** Where a later socket may resume. */
  lastSeq(): string
  /** Resolves with the code when the socket has closed. */
  closed: Promise<number>
  close(): Promise<number>
}

/** Opens a socket and waits until it is ready; `since` resumes after what an earlier one has shown. */
export async function openSocket(stack: Stack, { token }: Person, since?: string): Promise<LiveSocket> {
  const url = new URL(stack.url('/api/stream').replace('http', 'ws'))
  if (since !== undefined) url.searchParams.set('since', since)
  const socket = new WebSocket(url, ['warbler.v1', `bearer.${token}`], SOCKET_OPTIONS)
  const frames: Frame[] = []
  const waiting = new Set<(frame: Frame) => void>()
  socket.on('message', (text) => {
    const shown = { ...frame.parse(JSON.parse(String(text))), atMs: performance.now() }
    frames.push(shown)
    for (const look of waiting) look(shown)
  })
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  const failed = new Promise<never>((_, reject) => socket.on('error', reject))
  const closedEarly = closed.then((code) =>
    Promise.reject(new Error(`Closed with ${code} before it was ready`)),
  )
  for (const refusal of [failed, closedEarly]) refusal.catch(() => {})

  const live: LiveSocket = {
    frames,
    find(matches) {
      const here = frames.find(matches)
      return here === undefined ? comes(waiting, matches) : Promise.resolve(here)
    },
    lastSeq: () => frames.at(-1)?.seq ?? '',
    closed,
    close() {
      socket.close()
      return closed
    },
  }
  await Promise.race([live.find(({ type }) => type === 'ready'), failed, closedEarly])
  return live
}

function comes(waiting: Set<(frame: Frame) => void>, matches: (frame: Frame) => boolean): Promise<Frame> {
  return new Promise((resolve, reject) => {
    const look = (shown: Frame) => {
      if (!matches(shown)) return
      stop()
      resolve(shown)
    }
    const late = setTimeout(() => {
      stop()
      reject(new Error(`No such frame within ${FRAME_WITHIN_MS / 1000} s`))
    }, FRAME_WITHIN_MS)
    const stop = () => {
      waiting.delete(look)
      clearTimeout(late)
    }
    waiting.add(look)
  })
}

const ofTweet = z.object({ id: z.number() })

/** Whether a frame of this type is about the tweet. */
export function isAbout(type: 'tweet' | 'tweet_deleted', id: number): (frame: Frame) => boolean {
  return (shown) => shown.type === type && ofTweet.parse(shown.data).id === id
}

/** The ids of the tweets that were shown, in their order. */
export function tweetsIn(frames: readonly Frame[]): number[] {
  return frames.filter(({ type }) => type === 'tweet').map(({ data }) => ofTweet.parse(data).id)
}
