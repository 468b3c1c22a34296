import { z } from 'zod'
import { frame, SOCKET_TICKET_HEADER, type SocketTicket } from '../../src/contracts/timeline.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { timelineOf } from './people.ts'

export type Frame = z.infer<typeof frame>

export interface OpenSocket extends Disposable {
  /** All frames up to now that an answered ping separates from what comes later. */
  frames(): Promise<Frame[]>
}

/** Opens a socket to somebody's timeline object, as the Worker does for whom it has authenticated. */
export async function openSocket(reader: Viewer, since: string | null = null): Promise<OpenSocket> {
  const ticket: SocketTicket = { userId: reader.id, sessionId: reader.sessionId, since }
  const headers = { upgrade: 'websocket', [SOCKET_TICKET_HEADER]: JSON.stringify(ticket) }
  const { webSocket } = await timelineOf(reader).fetch('https://timeline.test/', { headers })
  if (webSocket === null) throw new Error('No socket was opened')
  const frames: Frame[] = []
  let answered = Promise.withResolvers<void>()
  webSocket.addEventListener('message', ({ data }) => {
    if (data === 'pong') answered.resolve()
    else frames.push(frame.parse(JSON.parse(z.string().parse(data))))
  })
  webSocket.accept()
  return {
    frames: async () => {
      answered = Promise.withResolvers()
      webSocket.send('ping')
      await answered.promise
      return [...frames]
    },
    [Symbol.dispose]: () => webSocket.close(),
  }
}
