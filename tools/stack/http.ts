import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a client that was refused in the middle of its body has for reading the answer. */
const LINGER_MS = 2_000

/** The body as text, or undefined as soon as it is known to be longer than `maxBytes`: the rest is not read. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) {
        request.removeAllListeners('data')
        request.pause()
        resolve(undefined)
      } else {
        chunks.push(chunk)
      }
    })
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.once('error', reject)
    request.once('close', () => reject(new Error('The client left before its body was read')))
  })
}

export function answerJson(response: ServerResponse, status: number, body: unknown) {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}

/** Sends the beginning of an answer, and cuts the connection. */
export function cutWithin(response: ServerResponse, body: unknown) {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.destroy())
}

/**
 * Answers a client that is still sending, reads no more of it and ends the connection. Closing it at once would make
 * the system tell the client of a broken connection before it has read why: so only this direction is closed, and the
 * other when the client is done or has had its time.
 */
export function refuseFurtherBody(request: IncomingMessage, statusLine: string, body: unknown) {
  const { socket } = request
  const bytes = Buffer.from(JSON.stringify(body))
  const head = [`HTTP/1.1 ${statusLine}`, 'connection: close', 'content-type: application/json']
  request.pause()
  socket.end(`${head.join('\r\n')}\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`)
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}
