import { exports } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { z } from 'zod'
import { frame } from '../../src/contracts/timeline.ts'
import { ORIGIN } from './harness.ts'

export type Frame = z.infer<typeof frame>

export function askForStream(token: string | null, query = ''): Promise<Response> {
  const protocols = token === null ? 'warbler.v1' : `warbler.v1, bearer.${token}`
  const headers = { upgrade: 'websocket', 'sec-websocket-protocol': protocols }
  return exports.default.fetch(new Request(`${ORIGIN}/api/stream${query}`, { headers }))
}

/** A client of the stream, which keeps what it gets. */
export class StreamClient {
  readonly frames: Frame[] = []
  readonly texts: string[] = []
  closed: { code: number; reason: string } | null = null
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
  }

  /** Connects, and waits for `ready`. */
  static async connect(token: string, since?: string): Promise<StreamClient> {
    const response = await askForStream(token, since === undefined ? '' : `?since=${since}`)
    if (response.webSocket === null) throw new Error(`No socket was opened: ${response.status}`)
    const client = new StreamClient(response.webSocket)
    await client.until(() => client.typesOf('ready').length === 1)
    return client
  }

  /** The seq to resume with. */
  get seq(): string {
    return this.frames.at(-1)?.seq ?? ''
  }

  get types(): string[] {
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

  async until(holds: () => boolean): Promise<void> {
    await expect.poll(holds, { timeout: 5_000, interval: 5 }).toBe(true)
  }

  /** Waits for so many frames, and answers them all. */
  async framesUpTo(count: number): Promise<Frame[]> {
    await this.until(() => this.frames.length >= count)
    return this.frames
  }
}
