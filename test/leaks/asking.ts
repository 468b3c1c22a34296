import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Viewer } from '../../src/services/deps.ts'
import worker from '../../src/worker/index.ts'
import { requestOf } from '../runtime/harness.ts'
import { tokenOf } from '../runtime/people.ts'
import { askForStream, protocolsOf } from '../runtime/stream-client.ts'

/** An isolate that forgets sooner than others, and waits for the database however busy the machine is. */
const isolate = { ...env, FRESHEN_TTL_MS: '1000', FRESHEN_DEADLINE_MS: '10000' }

/** What a reader was told, as it came: the body, and the headers. */
export interface Heard {
  status: number
  text: string
}

export interface Asked {
  method: string
  path: string
  body?: unknown
  key?: string
}

/** Asks the Worker under test; null for who is signed out. */
export async function askAs(who: Viewer | null, { method, path, body, key }: Asked): Promise<Heard> {
  const request = requestOf(method, path, {
    ...(who === null ? {} : { token: await tokenOf(who) }),
    ...(body === undefined ? {} : { body }),
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  })
  const response = await worker.fetch(request, isolate, createExecutionContext())
  const headers = JSON.stringify([...response.headers])
  return { status: response.status, text: `${await response.text()}\n${headers}` }
}

/** The same for what must succeed; answers the parsed body. */
export async function done(who: Viewer, asked: Asked): Promise<unknown> {
  const { status, text } = await askAs(who, asked)
  if (status >= 300) throw new Error(`${asked.method} ${asked.path}: ${status} ${text}`)
  return JSON.parse(text.split('\n')[0] ?? '')
}

/** An open socket and the texts that came of it. */
export class Listener {
  readonly texts: string[] = []
  readonly #socket: WebSocket

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      this.texts.push(String(data))
    })
    socket.accept()
  }

  /** Null where no socket is given. */
  static async open(who: Viewer, since?: string): Promise<Listener | null> {
    const { webSocket } = await askForStream(
      await protocolsOf(who),
      since === undefined ? '' : `?since=${since}`,
    )
    return webSocket === null ? null : new Listener(webSocket)
  }

  /** Where to resume from. */
  get seq(): string {
    return /"seq":"([\d.]+)"/.exec(this.texts.findLast((text) => text.startsWith('{')) ?? '')?.[1] ?? ''
  }

  /** Waits for all that was sent by now. */
  async settled(): Promise<void> {
    const before = this.texts.length
    this.#socket.send('ping')
    while (!this.texts.slice(before).includes('pong')) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  close(): void {
    this.#socket.close(1000)
  }
}
