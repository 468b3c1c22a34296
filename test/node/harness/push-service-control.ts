import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { z } from 'zod'
import { LOOPBACK } from '../../../tools/stack/ports.ts'
import type { PushService, TestBrowser } from './push-service.ts'

const orders = z.object({ answer: z.union([z.int(), z.literal('hang')]) })

/**
 * By which tests in the Workers runtime have a push service: `POST /` adds a browser and answers its subscription, at the
 * path of whose endpoint `GET` answers what it received, and `PUT` says how it is to answer.
 */
export async function startPushServiceControl(
  service: PushService,
): Promise<{ url: string; stop(): Promise<void> }> {
  const browsers = new Map<string, TestBrowser>()

  async function answerTo(request: IncomingMessage): Promise<unknown> {
    if (request.method === 'POST') {
      const browser = service.addBrowser()
      browsers.set(new URL(browser.subscription.endpoint).pathname, browser)
      return browser.subscription
    }
    const browser = browsers.get(request.url ?? '')
    if (browser === undefined) throw new Error(`There is no browser at ${request.url}`)
    if (request.method === 'PUT') {
      const body = Buffer.concat(await request.toArray()).toString()
      browser.answerWith(orders.parse(JSON.parse(body)).answer)
    }
    return { received: browser.received(), calls: browser.calls() }
  }

  const server = createServer((request, response) => {
    answerTo(request).then(
      (answer) => response.end(JSON.stringify(answer)),
      (error) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, LOOPBACK)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The control listens nowhere')
  return {
    url: `http://${LOOPBACK}:${address.port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
