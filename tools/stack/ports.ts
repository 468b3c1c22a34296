import { once } from 'node:events'
import { createServer } from 'node:net'
import { codeOf } from './stack-error.ts'

export const LOOPBACK = '127.0.0.1'

/** A loopback port that nobody listens on right now; whoever gets it should bind it soon. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port')
  return address.port
}

/** Whether a server could listen on this loopback port now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, LOOPBACK)
    await once(server, 'listening')
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE' || codeOf(error) === 'EACCES') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}
