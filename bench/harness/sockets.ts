import { WebSocket } from 'ws'
import type { SignedIn } from './readers.ts'
import { forEachAtOnce } from './timing.ts'
import type { World } from './world.ts'

const OPENED_AT_ONCE = 16

type OnFrame = (data: string, index: number) => void

/** A live socket for each of the people, who become warm by it. */
export async function openStreams(
  { api }: Pick<World, 'api'>,
  people: readonly SignedIn[],
  onFrame: OnFrame,
): Promise<WebSocket[]> {
  return openAll(people.length, onFrame, (index) => {
    const token = people[index]?.headers.authorization.replace('Bearer ', '')
    return new WebSocket(`${api.replace('http', 'ws')}/api/stream`, ['warbler.v1', `bearer.${token}`])
  })
}

/** A socket to each of the first objects of the bare Worker. */
export async function openBareSockets(
  { bare }: Pick<World, 'bare'>,
  count: number,
  onFrame: OnFrame,
): Promise<WebSocket[]> {
  return openAll(count, onFrame, (index) => new WebSocket(`${bare.replace('http', 'ws')}/socket/${index}`))
}

async function openAll(
  count: number,
  onFrame: OnFrame,
  openOne: (index: number) => WebSocket,
): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  const numbers = Array.from({ length: count }, (_, index) => index)
  await forEachAtOnce(numbers, OPENED_AT_ONCE, async (index) => {
    const socket = openOne(index)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve())
      socket.once('error', reject)
    })
    socket.on('message', (data) => onFrame(String(data), index))
    sockets.push(socket)
  })
  return sockets
}
