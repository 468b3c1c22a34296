import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { importJWK, jwtVerify } from 'jose'
import { toJwk } from '../../../src/services/vapid-keys.ts'
import { LOOPBACK } from '../../../tools/stack/ports.ts'
import { TEST_VAPID } from './push-keys.ts'
import { decryptPush, newReceiver, type Receiver } from './web-push-crypto.ts'

const DAY_SECONDS = 86_400

/** A message as the browser reads it, and how it was to be treated on the way. */
export interface Received {
  payload: unknown
  ttl: string | undefined
  urgency: string | undefined
  topic: string | undefined
}

export interface TestBrowser {
  /** As `PushSubscription.toJSON()` gives it. */
  subscription: { endpoint: string; expirationTime: null; keys: { p256dh: string; auth: string } }
  /** What it was sent, oldest first. Throws if a request was not as the RFCs want it. */
  received(): Received[]
  /** How often it was called, whatever was answered. */
  calls(): number
  /** From now on a message is answered so, and does not arrive; `hang`: not at all. */
  answerWith(answer: number | 'hang'): void
}

/** A push service on loopback, which believes nobody: RFC 8030, 8291, 8292. */
export interface PushService {
  origin: string
  addBrowser(): TestBrowser
  stop(): Promise<void>
}

interface Mailbox {
  receiver: Receiver
  received: Received[]
  complaints: string[]
  calls: number
  answer: number | 'hang'
}

/** The status of an answer to a message that arrives. */
const CREATED = 201

export async function startPushService(): Promise<PushService> {
  const mailboxes = new Map<string, Mailbox>()
  const server = createServer((request, response) => {
    void take(request, response, origin, mailboxes.get(request.url ?? ''))
  }).listen(0, LOOPBACK)
  await once(server, 'listening')
  const origin = originOf(server)

  return {
    origin,
    addBrowser() {
      const path = `/push/${crypto.randomUUID()}`
      const receiver = newReceiver()
      const mailbox: Mailbox = { receiver, received: [], complaints: [], calls: 0, answer: CREATED }
      mailboxes.set(path, mailbox)
      return {
        subscription: {
          endpoint: `${origin}${path}`,
          expirationTime: null,
          keys: {
            p256dh: receiver.keys.getPublicKey('base64url'),
            auth: receiver.auth.toString('base64url'),
          },
        },
        received() {
          if (mailbox.complaints.length > 0) throw new Error(mailbox.complaints.join('; '))
          return mailbox.received
        },
        calls: () => mailbox.calls,
        answerWith(answer) {
          mailbox.answer = answer
        },
      }
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function originOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The push service listens nowhere')
  return `http://${LOOPBACK}:${address.port}`
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  origin: string,
  mailbox: Mailbox | undefined,
): Promise<void> {
  const body = Buffer.concat(await request.toArray())
  if (mailbox === undefined) {
    response.writeHead(404).end()
    return
  }
  mailbox.calls += 1
  const { answer } = mailbox
  if (answer === 'hang') return
  if (answer !== CREATED) {
    response.writeHead(answer, { location: `${origin}/elsewhere` }).end('Not now')
    return
  }
  try {
    mailbox.received.push(await read(request, body, origin, mailbox.receiver))
    response.writeHead(CREATED).end()
  } catch (error) {
    mailbox.complaints.push(String(error))
    response.writeHead(400).end()
  }
}

async function read(
  { method, headers }: IncomingMessage,
  body: Buffer,
  origin: string,
  receiver: Receiver,
): Promise<Received> {
  if (method !== 'POST') throw new Error(`${method} is no push`)
  if (headers['content-encoding'] !== 'aes128gcm')
    throw new Error(`It is encoded as ${headers['content-encoding']}`)
  await verifySender(headers.authorization, origin)
  const [ttl, urgency, topic] = [headers.ttl, headers.urgency, headers.topic].map(String)
  if (ttl === undefined || !/^\d+$/.test(ttl)) throw new Error(`${ttl} is no TTL`)
  if (topic === undefined || !/^[\w-]{1,32}$/.test(topic)) throw new Error(`${topic} is no topic`)
  return { payload: JSON.parse(decryptPush(body, receiver).toString()), ttl, urgency, topic }
}

/** RFC 8292: a token for this push service, for a day at the most, signed by the key that the browser subscribed under. */
async function verifySender(authorization: string | undefined, origin: string): Promise<void> {
  const [, token = '', key] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(authorization ?? '') ?? []
  if (key !== TEST_VAPID.publicKey) throw new Error(`It is signed by another: ${authorization}`)
  const { d: _private, ...publicKey } = toJwk(TEST_VAPID)
  const { payload } = await jwtVerify(token, await importJWK(publicKey, 'ES256'), {
    algorithms: ['ES256'],
    audience: origin,
    subject: TEST_VAPID.subject,
  })
  const secondsLeft = (payload.exp ?? Number.POSITIVE_INFINITY) - Date.now() / 1000
  if (secondsLeft > DAY_SECONDS) throw new Error(`The token is good for ${secondsLeft} seconds`)
}
