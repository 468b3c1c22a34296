import { join } from 'node:path'
import type { FanOutEvent } from '../../../src/contracts/queues.ts'
import { withClient } from '../../../tools/stack/databases.ts'
import { atOnce } from '../../node/harness/at-once.ts'
import { type Person, wholeHomeOf } from '../../node/harness/client.ts'
import { addCrowd, type Crowd } from '../../node/harness/crowd.ts'
import { killStack, newPlace, type Stack, spawnStack, untilReady } from '../../node/harness/stack.ts'
import type { FaultSwitch } from '../worker/fault-switch.ts'
import { type FaultyDatabase, startFaultyDatabase } from './database.ts'
import { LiveClient } from './live-client.ts'
import { Load } from './load.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

const READS_IN_FLIGHT = 16
const FAULTY_STACK = join(import.meta.dirname, 'faulty-stack-process.ts')
const ENV = {
  RATE_LIMITS: 'off',
  TWEETS_PER_3_HOURS: '1000000',
  LIKES_PER_DAY: '1000000',
  MESSAGES_PER_DAY: '1000000',
}

/** For the start of a scene on a busy machine. */
export const SCENE_TIMEOUT_MS = 180_000

/** The local stack on a database that can fail by itself. */
export class Scene {
  readonly database: FaultyDatabase
  readonly random: SeededRandom = seededRandom()
  readonly #command: string[] | undefined
  readonly #loads: Load[] = []
  #stack: Stack

  private constructor(database: FaultyDatabase, stack: Stack, command: string[] | undefined) {
    this.database = database
    this.#stack = stack
    this.#command = command
    process.stdout.write(`FAULTS_SEED=${this.random.seed}\n`)
  }

  /** With the Worker as it is. */
  static start(): Promise<Scene> {
    return Scene.#startWith(undefined)
  }

  /** With the Worker that can be told to fail. */
  static startFaulty(): Promise<Scene> {
    return Scene.#startWith([process.execPath, FAULTY_STACK])
  }

  static async #startWith(command: string[] | undefined): Promise<Scene> {
    const database = await startFaultyDatabase()
    const scene = new Scene(database, spawnStack(await newPlace(), environmentOf(database), command), command)
    try {
      await untilReady(scene.stack)
      return scene
    } catch (error) {
      await scene.clear()
      throw error
    }
  }

  /** The one that runs: another after each start. */
  get stack(): Stack {
    return this.#stack
  }

  /** Kills every process of the runtime at once, with -9; the database goes on. */
  kill(): Promise<void> {
    return killStack(this.#stack)
  }

  async startAgain(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const environment = { ...environmentOf(this.database), ...env }
    this.#stack = await untilReady(spawnStack(this.#stack.place, environment, this.#command))
  }

  /** A new author with so many followers, all of whom have read, so that fan-out tells them. */
  async addWarmCrowd(followers: number): Promise<Crowd> {
    const crowd = await addCrowd(this.#stack, followers)
    await this.homesOf(crowd.followers)
    return crowd
  }

  /** Of the faulty Worker, until the next or a start. */
  setFaults(faults: FaultSwitch): Promise<void> {
    return this.#tellFaulty('/faults', faults)
  }

  /** Puts messages into the queue of the faulty Worker. */
  sendFanOut(messages: { outbox_id: number; event: FanOutEvent }[]): Promise<void> {
    return this.#tellFaulty('/fan-out', messages)
  }

  async #tellFaulty(path: string, what: object): Promise<void> {
    const answer = await fetch(this.#stack.url(path), { method: 'POST', body: JSON.stringify(what) })
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status}`)
  }

  /** The author and the last follower have a socket open from now on. */
  async loadOf({ author, followers }: Crowd): Promise<Load> {
    const stack = () => this.#stack
    const watching = [author, ...followers.slice(-1)]
    const clients = await Promise.all(watching.map((person) => LiveClient.open(stack, person)))
    const load = new Load({ stack, author, readers: followers, clients, random: this.random })
    this.#loads.push(load)
    return load
  }

  /** All that is on each reader's home timeline. */
  async homesOf(readers: readonly Person[]): Promise<number[][]> {
    const homes: number[][] = []
    await atOnce([...readers.entries()], READS_IN_FLIGHT, async ([index, person]) => {
      homes[index] = await wholeHomeOf(this.#stack, person)
    })
    return homes
  }

  /** The rows of a query, straight from the database. */
  async rows<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return withClient(this.database.url, async (client) => (await client.query<Row>(text, values)).rows)
  }

  async clear(): Promise<void> {
    for (const load of this.#loads) {
      load.abandon()
      for (const client of load.clients) client.leave()
    }
    await this.#stack.place.clear()
    await this.database.clear()
  }
}

function environmentOf({ url, endpoint }: FaultyDatabase): NodeJS.ProcessEnv {
  return { ...ENV, DATABASE_URL: url, DATABASE_ENDPOINT: endpoint.url }
}
