import { exports } from 'cloudflare:workers'
import { vi } from 'vitest'
import { frame as frameSchema } from '../../src/contracts/timeline.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { ORIGIN } from './harness.ts'
import { tokenOf } from './people.ts'

export interface Frame {
  type: string
  seq: string
  data: Record<string, unknown>
}

/** An open socket of a test, with everything that came over it. */
export interface Stream {
  readonly frames: Frame[]
  readonly texts: string[]
  /** Null while it is open. */
  closed: { code: number; reason: string } | null
  send(text: string): void
  close(): void
  /** The first frame of this type from the `from`-th frame on. */
  next(type: string, from?: number): Promise<Frame>
}

export async function upgrade(protocols: string | null, query = ''): Promise<Response> {
  const headers = new Headers({ upgrade: 'websocket' })
  if (protocols !== null) headers.set('sec-websocket-protocol', protocols)
  return exports.default.fetch(new Request(`${ORIGIN}/api/stream${query}`, { headers }))
}

/** Opens a person's stream as a client does, resuming after `since` when it is given. */
export async function openStream(person: Viewer, since?: string): Promise<Stream> {
  const query = since === undefined ? '' : `?since=${since}`
  const response = await upgrade(`warbler.v1, bearer.${await tokenOf(person)}`, query)
  const socket = response.webSocket
  if (socket === null) throw new Error(`The upgrade was answered ${response.status}`)
  const frames: Frame[] = []
  const texts: string[] = []
  const stream: Stream = {
    frames,
    texts,
    closed: null,
    send: (text) => socket.send(text),
    close: () => socket.close(1000, 'done'),
    next: (type, from = 0) =>
      vi.waitFor(() => {
        const found = frames.slice(from).find((frame) => frame.type === type)
        if (found === undefined) throw new Error(`No ${type} among ${frames.map(({ type }) => type)}`)
        return found
      }, WAITING),
  }
  socket.addEventListener('message', ({ data }) => {
    const text = String(data)
    texts.push(text)
    if (text.startsWith('{')) frames.push(frameSchema.parse(JSON.parse(text)) as Frame)
  })
  socket.addEventListener('close', ({ code, reason }) => {
    stream.closed = { code, reason }
  })
  socket.accept()
  await stream.next('ready')
  return stream
}

export const WAITING = { timeout: 5000, interval: 10 }

/** The place in the order of arrival that a frame has. */
export function numberOf({ seq }: Frame): number {
  return Number(seq.split('.')[1])
}
