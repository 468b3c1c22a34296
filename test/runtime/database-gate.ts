/** One round trip to the database, as the driver sends it. */
export interface RoundTrip {
  /** Its statements' texts. */
  text: string
  /** All their parameters, as text. */
  params: string[]
  /** The name of the database that is asked. */
  database: string
}

type Carry = () => Promise<Response>

/** Stands between the driver and the endpoint. Whoever is given a round trip carries it out, now, later or never. */
type Gatekeeper = (trip: RoundTrip, carry: Carry) => Promise<Response>

/**
 * Puts a gatekeeper before the database, for this test file alone: the endpoint's own faults are shared by all files.
 * Dispose of it to open the way again.
 */
export function gateDatabase(keep: Gatekeeper): Disposable & { trips: RoundTrip[] } {
  const outer = globalThis.fetch
  const trips: RoundTrip[] = []
  globalThis.fetch = (input, init) => {
    const carry = () => outer(input, init)
    const trip = tripOf(init)
    if (trip === null) return carry()
    trips.push(trip)
    return keep(trip, carry)
  }
  return {
    trips,
    [Symbol.dispose]: () => {
      globalThis.fetch = outer
    },
  }
}

/** Only counts. */
export function watchDatabase() {
  return gateDatabase((_trip, carry) => carry())
}

/** The database is not there for what matches. */
export function refuseDatabase(matches: (trip: RoundTrip) => boolean = () => true) {
  return gateDatabase((trip, carry) => (matches(trip) ? refusal() : carry()))
}

/** As a connection that breaks looks to the driver. */
export function refusal(): Promise<Response> {
  return Promise.reject(new TypeError('Network connection lost.'))
}

export interface Held extends Disposable {
  /** That a round trip has come to the gate. */
  readonly reached: Promise<void>
  /** Lets it go on, and all that come after it. */
  release(): void
}

/** Holds round trips that match, before they are carried out or after, until they are released. */
export function holdDatabase(matches: (trip: RoundTrip) => boolean, when: 'before' | 'after'): Held {
  const reached = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const gate = gateDatabase(async (trip, carry) => {
    if (!matches(trip)) return carry()
    const response = when === 'after' ? await carry() : null
    reached.resolve()
    await released.promise
    return response ?? carry()
  })
  return {
    reached: reached.promise,
    release: () => released.resolve(),
    [Symbol.dispose]: () => {
      released.resolve()
      gate[Symbol.dispose]()
    },
  }
}

/** Round trips that name this user or tweet. */
export function naming(id: number): (trip: RoundTrip) => boolean {
  return ({ params }) => params.includes(String(id))
}

function tripOf(init: RequestInit | undefined): RoundTrip | null {
  if (typeof init?.body !== 'string') return null
  const body: unknown = JSON.parse(init.body)
  const statements = isObject(body) && Array.isArray(body.queries) ? body.queries : [body]
  const known = statements.filter(isStatement)
  if (known.length === 0) return null
  return {
    text: known.map(({ query }) => query).join(';\n'),
    params: known.flatMap(({ params }) => params.map(String)),
    database: new URL(
      new Headers(init.headers).get('neon-connection-string') ?? 'postgres:///',
    ).pathname.slice(1),
  }
}

function isStatement(value: unknown): value is { query: string; params: unknown[] } {
  return isObject(value) && typeof value.query === 'string' && Array.isArray(value.params)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
