import { setTimeout as sleep } from 'node:timers/promises'
import type { Person } from '../../node/harness/client.ts'
import { type Shown, shownBy } from '../../node/harness/inbox.ts'
import { type LiveSocket, openSocket } from '../../node/harness/live-socket.ts'
import type { Stack } from '../../node/harness/stack.ts'

const COMES_BACK_AFTER_MS = 100

/** Somebody's client: whenever its socket breaks it comes back and resumes. */
export class LiveClient {
  readonly person: Person
  readonly #stack: () => Stack
  readonly #sockets: LiveSocket[]
  #hasLeft = false

  private constructor(stack: () => Stack, person: Person, first: LiveSocket) {
    this.person = person
    this.#stack = stack
    this.#sockets = [first]
    this.#stay(first)
  }

  /** Resolves once it shows whatever comes. */
  static async open(stack: () => Stack, person: Person): Promise<LiveClient> {
    return new LiveClient(stack, person, await openSocket(stack(), person))
  }

  /** By all its sockets. */
  shown(): Shown {
    return shownBy(this.#sockets.flatMap(({ frames }) => frames))
  }

  leave(): void {
    this.#hasLeft = true
    for (const socket of this.#sockets) socket.close()
  }

  async #stay(first: LiveSocket): Promise<void> {
    for (let socket: LiveSocket | null = first; socket !== null; ) {
      await socket.closed
      socket = await this.#comeBack(socket.lastSeq())
    }
  }

  async #comeBack(since: string): Promise<LiveSocket | null> {
    while (!this.#hasLeft) {
      await sleep(COMES_BACK_AFTER_MS)
      const socket = await openSocket(this.#stack(), this.person, since).catch(() => null)
      if (socket === null) continue
      this.#sockets.push(socket)
      if (this.#hasLeft) socket.close()
      return socket
    }
    return null
  }
}
