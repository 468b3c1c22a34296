import { exports } from 'cloudflare:workers'
import { onTestFinished, vi } from 'vitest'
import type { z } from 'zod'
import { frame } from '../../src/contracts/timeline.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { ORIGIN } from './harness.ts'
import { tokenOf } from './people.ts'

export type Frame = z.infer<typeof frame>

export interface Closed {
  code: number
  reason: string
}

/** Asks the Worker for a stream, offering these subprotocols. */
export function askForStream(protocols: string | null, query = ''): Promise<Response> {
  const headers = new Headers({ upgrade: 'websocket' })
  if (protocols !== null) headers.set('sec-websocket-protocol', protocols)
  return exports.default.fetch(new Request(`${ORIGIN}/api/stream${query}`, { headers }))
}

/** The subprotocols that a signed-in person's client offers. */
export async function protocolsOf(person: Viewer): Promise<string> {
  return `warbler.v1, bearer.${await tokenOf(person)}`
}

/** A client of the stream, which keeps what it gets. It is closed when its test ends. */
export class StreamClient {
  readonly frames: Frame[] = []
  /** What came that is not a frame: the answers to pings. */
  readonly texts: string[] = []
  /** Null while it is open. */
  closed: Closed | null = null
  readonly #socket: WebSocket

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const text = String(data)
      if (text.startsWith('{')) this.frames.push(frame.parse(JSON.parse(text)))
      else this.texts.push(text)
    })
    socket.addEventListener('close', ({ code, reason }) => {
      this.closed = { code, reason }
    })
    socket.accept()
    onTestFinished(() => {
      if (socket.readyState === WebSocket.READY_STATE_OPEN) socket.close()
    })
  }

  /** Connects, resuming after `since` when it is given, and waits for `ready`. */
  static async connect(person: Viewer, since?: string): Promise<StreamClient> {
    const query = since === undefined ? '' : `?since=${since}`
    const response = await askForStream(await protocolsOf(person), query)
    if (response.webSocket === null) throw new Error(`No socket was opened: ${response.status}`)
    const client = new StreamClient(response.webSocket)
    await client.until(() => client.types.includes('ready'))
    return client
  }

  /** The seq to resume with. */
  get seq(): string {
    return this.frames.at(-1)?.seq ?? ''
  }

  get types(): Frame['type'][] {
    return this.frames.map(({ type }) => type)
  }

  typesOf(type: Frame['type']): Frame[] {
    return this.frames.filter((each) => each.type === type)
  }

  send(text: string): void {
    this.#socket.send(text)
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason)
  }

  until(holds: () => boolean): Promise<void> {
    return vi.waitFor(
      () => {
        if (!holds()) throw new Error(`Still waiting with ${JSON.stringify([this.types, this.closed])}`)
      },
      { timeout: 5_000, interval: 5 },
    )
  }

  /** Waits for so many frames, and answers them all. */
  async framesUpTo(count: number): Promise<Frame[]> {
    await this.until(() => this.frames.length >= count)
    return this.frames
  }

  /** All frames up to now, which an answered ping separates from what comes later. */
  async framesSoFar(): Promise<Frame[]> {
    const answers = this.texts.length
    this.send('ping')
    await this.until(() => this.texts.length > answers)
    return [...this.frames]
  }

  async untilClosed(): Promise<Closed | null> {
    await this.until(() => this.closed !== null)
    return this.closed
  }
}
