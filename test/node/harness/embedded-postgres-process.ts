/** A process of its own that runs the embedded Postgres on the given folder until it is killed. */
import { startEmbeddedPostgres } from '../../../tools/stack/embedded-postgres.ts'

const server = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '' })
console.log(JSON.stringify({ pid: server.pid, url: server.urlOf() }))
await server.exited
