import { conversationPage, message, messagePage } from '../../src/contracts/http/messages.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { type ApiAnswer, type ApiOptions, api } from './harness.ts'
import { insertFollowers, insertPeople, tokenOf } from './people.ts'

/** Two who follow each other and one who follows nobody, who can ask for what stands under `/api/messages`. */
export interface Correspondents {
  a: Viewer
  b: Viewer
  stranger: Viewer
  ask(method: string, who: Viewer, path: string, options?: ApiOptions): Promise<ApiAnswer>
  /** To somebody, or to what else a path may name. */
  send(from: Viewer, to: Viewer | number | string, content: unknown, options?: ApiOptions): Promise<ApiAnswer>
  /** Sends, or fails; answers the message's id. */
  sent(from: Viewer, to: Viewer, content?: string): Promise<number>
  read(who: Viewer, other: Viewer, upToId: number): Promise<ApiAnswer>
  /** Ids of what one sees of a conversation, newest first. */
  seen(who: Viewer, other: Viewer): Promise<number[]>
  /** Of each conversation or request the other one, the last message and what is unread. */
  listed(who: Viewer, path?: '' | '/requests'): Promise<[other: number, message: number, unread: number][]>
}

export async function newCorrespondents(): Promise<Correspondents> {
  const [a, b, stranger] = await insertPeople(3)
  if (a === undefined || b === undefined || stranger === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([a], b)
  await insertFollowers([b], a)
  const tokens = new Map<UserId, string>()
  for (const person of [a, b, stranger]) tokens.set(person.id, await tokenOf(person))

  const tokenFor = ({ id }: Viewer) => tokens.get(id) ?? ''
  const ask = (method: string, who: Viewer, path: string, options: ApiOptions = {}) =>
    api(method, `/api/messages${path}`, { token: tokenFor(who), ...options })
  const send: Correspondents['send'] = (from, to, content, options = {}) =>
    ask('POST', from, `/${typeof to === 'object' ? to.id : to}`, { body: { content }, ...options })

  return {
    a,
    b,
    stranger,
    ask,
    send,
    async sent(from, to, content = 'hello') {
      const { status, body } = await send(from, to, content)
      if (status !== 201) throw new Error(`Not sent: ${JSON.stringify(body)}`)
      return message.parse(body).id
    },
    read: (who, other, up_to_id) => ask('PUT', who, `/${other.id}/read`, { body: { up_to_id } }),
    async seen(who, other) {
      const { body } = await ask('GET', who, `/${other.id}`)
      return messagePage.parse(body).messages.map(({ id }) => id)
    },
    async listed(who, path = '') {
      const { conversations } = conversationPage.parse((await ask('GET', who, path)).body)
      return conversations.map(({ user, last_message, unread_count }) => [
        user.id,
        last_message.id,
        unread_count,
      ])
    },
  }
}
