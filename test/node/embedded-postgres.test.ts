import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { withClient } from '../../tools/stack/databases.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../tools/stack/embedded-postgres.ts'
import { isAlive, startMarkOf } from '../../tools/stack/processes.ts'
import { until } from '../../tools/stack/until.ts'
import { temporaryFolder } from './harness/temporary-folder.ts'

const SERVER = join(import.meta.dirname, 'harness', 'embedded-postgres-process.ts')

async function folderForThisTest(): Promise<string> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder.remove())
  return folder.path
}

async function start(
  dataDir: string,
  options: { port?: number; durable?: boolean } = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, durable: false, ...options })
  onTestFinished(() => server.stop())
  return server
}

const query = (url: string, text: string) =>
  withClient(url, async (client) => (await client.query(text)).rows)

interface ServerOfAnother {
  process: ChildProcess
  pid: number
  url: string
}

/** A server that another process started, which leads a process group of its own. */
async function startByAnotherProcess(dataDir: string): Promise<ServerOfAnother> {
  const child = spawn(process.execPath, [SERVER, dataDir], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  const { pid, url } = JSON.parse(String(line))
  return { process: child, pid, url }
}

describe('the embedded Postgres', () => {
  it('keeps its data from one start to the next', async () => {
    const dataDir = await folderForThisTest()
    const first = await start(dataDir)
    await query(first.urlOf(), "create table birds as select 'wren' as name")
    await first.stop()
    expect(isAlive(first.pid)).toBe(false)
    const second = await start(dataDir)
    expect(await query(second.urlOf(), 'select * from birds')).toEqual([{ name: 'wren' }])
  })

  it('listens on loopback alone, speaks UTF-8 and UTC, and counts statements', async () => {
    const { urlOf } = await start(await folderForThisTest(), { durable: true })
    const [settings] = await query(
      urlOf(),
      `select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets,
        current_setting('server_encoding') as encoding, current_setting('timezone') as zone,
        current_setting('shared_preload_libraries') as libraries, current_setting('fsync') as fsync`,
    )
    expect(settings).toEqual({
      addresses: '127.0.0.1',
      sockets: '',
      encoding: 'UTF8',
      zone: 'UTC',
      libraries: 'pg_stat_statements',
      fsync: 'on',
    })
  })

  it('wants its password', async () => {
    const url = new URL((await start(await folderForThisTest())).urlOf())
    url.password = 'guess'
    await expect(query(url.href, 'select 1')).rejects.toThrow('password authentication failed')
  })

  it('ends on stop although clients are connected', async () => {
    const server = await start(await folderForThisTest())
    const client = new pg.Client(server.urlOf())
    const lost = new Promise((resolve) => client.on('error', resolve))
    await client.connect()
    await server.stop()
    await lost
    expect(isAlive(server.pid)).toBe(false)
  })

  it('tells that it ended by itself, and why', async () => {
    const server = await start(await folderForThisTest())
    process.kill(server.pid, 'SIGTERM')
    expect(await server.exited).toContain('shut down')
  })
})

describe('after a kill', () => {
  it('of everything, starts anew while backends of before still compute, and has what was committed', async () => {
    const dataDir = await folderForThisTest()
    const killed = await startByAnotherProcess(dataDir)
    await query(killed.url, 'create table birds as select 1 as n')
    const computing = spawnClient(killed.url, 'select count(*) from generate_series(1, 1000000000)')
    await until(async () => (await activeBackends(killed.url)).length > 0, { withinMs: 10_000 })
    const backends = await activeBackends(killed.url)
    process.kill(-(killed.process.pid ?? 0), 'SIGKILL')
    computing.kill('SIGKILL')
    expect(backends.every(isAlive)).toBe(true)

    const server = await start(dataDir)
    expect(await query(server.urlOf(), 'select * from birds')).toEqual([{ n: 1 }])
    for (const pid of backends) expect(await startMarkOf(pid)).toBeUndefined()
  })

  it('of its starter alone, ends the server that lived on', async () => {
    const dataDir = await folderForThisTest()
    const orphan = await startByAnotherProcess(dataDir)
    orphan.process.kill('SIGKILL')
    await once(orphan.process, 'exit')
    expect(await startMarkOf(orphan.pid)).toBeDefined()

    const server = await start(dataDir)
    expect(await startMarkOf(orphan.pid)).toBeUndefined()
    expect(await query(server.urlOf(), 'select 1 as n')).toEqual([{ n: 1 }])
  })

  it('spares the process that by now has the pid of the killed server', async () => {
    const dataDir = await folderForThisTest()
    await (await start(dataDir)).stop()
    const bystander = spawn('sleep', ['600'])
    onTestFinished(() => void bystander.kill())
    const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
    await writeFile(
      pidFile,
      `${bystander.pid}\n${join(dataDir, 'postgres')}\n1\n1\n\n127.0.0.1\n 1 1\nready\n`,
    )

    const server = await start(dataDir)
    expect(await query(server.urlOf(), 'select 1 as n')).toEqual([{ n: 1 }])
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
  })

  it('in the middle of its creation, creates the data anew', async () => {
    const dataDir = await folderForThisTest()
    const child = spawn(process.execPath, [SERVER, dataDir], { detached: true, stdio: 'ignore' })
    const begun = () => globSync('postgres*/PG_VERSION', { cwd: dataDir }).length > 0
    await until(begun, { withinMs: 10_000, everyMs: 1 })
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    const server = await start(dataDir)
    expect(await query(server.urlOf(), 'select 1 as n')).toEqual([{ n: 1 }])
  })

  /** A client in a process of its own, so that it can be killed with the rest. */
  function spawnClient(url: string, text: string): ChildProcess {
    const script = `const { default: pg } = await import('pg'); const c = new pg.Client(process.argv[1]);
      await c.connect(); await c.query(process.argv[2])`
    return spawn(process.execPath, ['--input-type=module', '-e', script, url, text], { stdio: 'ignore' })
  }

  async function activeBackends(url: string): Promise<number[]> {
    const rows = await query(
      url,
      "select pid from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid() and state = 'active'",
    )
    return rows.map(({ pid }) => pid)
  }
})

describe('what keeps it from starting is said in a sentence', () => {
  it('when its port is taken', async () => {
    const port = (await start(await folderForThisTest())).port
    await expect(start(await folderForThisTest(), { port })).rejects.toThrow(
      `Port ${port}, which Postgres is to use, is taken: end what listens there.`,
    )
  })

  it('when its data are of another version', async () => {
    const dataDir = await folderForThisTest()
    await (await start(dataDir)).stop()
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '15\n')
    await expect(start(dataDir)).rejects.toThrow(/another version, move .+ away to start anew\.$/)
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).toContain('incompatible')
  })
})
