import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { areKeyPair } from '../../src/services/vapid-keys.ts'
import { readStackConfig } from '../../tools/stack/config.ts'
import { startCron } from '../../tools/stack/cron.ts'
import { readOrCreateDevSecrets } from '../../tools/stack/dev-secrets.ts'
import { envFileText, readEnvFile } from '../../tools/stack/env-file.ts'
import { isNeon } from '../../tools/stack/open-database.ts'
import { freePort, isPortFree, LOOPBACK } from '../../tools/stack/ports.ts'
import { lockFolder, runningStack } from '../../tools/stack/stack-file.ts'
import { table } from '../../tools/stack/table.ts'
import { until } from '../../tools/stack/until.ts'
import { overriddenVars, readWorkerConfigs } from '../../tools/stack/worker-configs.ts'
import { temporaryFolder } from './harness/temporary-folder.ts'

const LOCK_PROCESS = join(import.meta.dirname, 'harness', 'lock-process.ts')

async function folderForThisTest(): Promise<string> {
  const folder = await temporaryFolder()
  onTestFinished(() => folder.remove())
  return folder.path
}

describe('the configuration', () => {
  it('has defaults, also for variables that are empty', () => {
    expect(readStackConfig({ PORT: '', DATABASE_URL: '' })).toEqual({
      port: 8787,
      dataDir: expect.stringMatching(/\.data$/),
      databaseUrl: undefined,
    })
  })

  it('resolves the data folder against where it was started', () => {
    expect(readStackConfig({ DATA_DIR: 'mine', PORT: '8080' })).toMatchObject({
      port: 8080,
      dataDir: join(process.cwd(), 'mine'),
    })
  })

  it.for([
    [{ PORT: '70000' }, 'PORT must be a port number, and is "70000".'],
    [
      { DATABASE_URL: 'mysql://h/d' },
      'DATABASE_URL must be a URL like postgres://user:password@host/database',
    ],
  ] as const)('says which variable is wrong: %j', ([env, sentence]) => {
    expect(() => readStackConfig(env)).toThrow(sentence)
  })

  it('reads [vars], crons and D1 databases of every Worker, and what the environment overrides', async () => {
    const root = await folderForThisTest()
    await mkdir(join(root, 'src', 'search'), { recursive: true })
    const common = 'compatibility_date = "2026-10-01"\n'
    await writeFile(
      join(root, 'wrangler.toml'),
      `name = "api"\n${common}[vars]\nLIMIT = "1"\nOTHER = "2"\n[triggers]\ncrons = ["* * * * *"]\n`,
    )
    await writeFile(
      join(root, 'src', 'search', 'wrangler.toml'),
      `name = "search"\n${common}[[d1_databases]]\nbinding = "DB"\ndatabase_name = "db"\ndatabase_id = "1"\nmigrations_dir = "m"\n`,
    )
    const { api, others } = await readWorkerConfigs(root)
    expect(api).toMatchObject({ vars: { LIMIT: '1', OTHER: '2' }, crons: ['* * * * *'], d1Databases: [] })
    expect(others).toMatchObject([{ path: join(root, 'src/search/wrangler.toml'), d1Databases: ['DB'] }])
    expect(overriddenVars(api, { LIMIT: '7', UNRELATED: '8' })).toEqual({ LIMIT: '7' })
  })

  it('tells Neon, which has an endpoint of its own, from any other Postgres', () => {
    expect(isNeon('postgres://u:p@ep-a-b-123-pooler.eu-central-1.aws.neon.tech/db?sslmode=require')).toBe(
      true,
    )
    expect(isNeon('postgres://u:p@127.0.0.1:5432/neon.tech')).toBe(false)
  })
})

describe('the lock of a data folder', () => {
  interface Contender {
    child: ChildProcess
    tell(command: 'take' | 'release'): Promise<string>
  }

  async function contender(folder: string): Promise<Contender> {
    const child = spawn(process.execPath, [LOCK_PROCESS, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const answer = () => once(child.stdout, 'data').then(([text]) => String(text).trim())
    await answer()
    return {
      child,
      tell(command) {
        child.stdin.write(`${command}\n`)
        return answer()
      },
    }
  }

  it('is had by one of many that ask at once, also where a killed one had it before', async () => {
    const folder = await folderForThisTest()
    const killed = await contender(folder)
    expect(await killed.tell('take')).toBe('taken')
    killed.child.kill('SIGKILL')
    await once(killed.child, 'exit')
    const leftBehind = await readFile(join(folder, 'stack.json'))

    const contenders = await Promise.all(Array.from({ length: 4 }, () => contender(folder)))
    for (let round = 0; round < 100; round++) {
      const answers = await Promise.all(contenders.map((each) => each.tell('take')))
      expect(answers.filter((answer) => answer.startsWith('Another stack (process '))).toHaveLength(3)
      expect(answers.filter((answer) => answer === 'taken')).toHaveLength(1)
      expect(await readdir(folder)).toEqual(['stack.json'])
      await contenders[answers.indexOf('taken')]?.tell('release')
      await writeFile(join(folder, 'stack.json'), leftBehind)
    }
  })

  it('does not take a later process with the same pid for the one that had it', async () => {
    const folder = await folderForThisTest()
    const entries = { apiPort: 1, databaseUrl: 'postgres://h/d', endpointUrl: '' }
    await writeFile(
      join(folder, 'stack.json'),
      JSON.stringify({ pid: process.pid, started: '1', ...entries }),
    )
    expect(await runningStack(folder)).toBeUndefined()
    const lock = await lockFolder(folder)
    await lock.release()
  })

  it('tells others where the database is, until it is released', async () => {
    const folder = join(await folderForThisTest(), 'made', 'by', 'it')
    const lock = await lockFolder(folder)
    expect(await runningStack(folder)).toMatchObject({ pid: process.pid, databaseUrl: null })
    await lock.publish({ databaseUrl: 'postgres://h/d' })
    expect(await runningStack(folder)).toMatchObject({ databaseUrl: 'postgres://h/d' })
    await lock.release()
    expect(await runningStack(folder)).toBeUndefined()
  })
})

describe('the secrets of development', () => {
  it('are made once, also by several at once, for the owner alone', async () => {
    const folder = await folderForThisTest()
    const all = await Promise.all(Array.from({ length: 5 }, () => readOrCreateDevSecrets(folder)))
    expect(new Set(all.map(({ JWT_SECRET }) => JWT_SECRET)).size).toBe(1)
    const [secrets] = all
    expect(secrets?.JWT_SECRET).toMatch(/^[\w-]{43}$/)
    expect(secrets?.JWT_SECRET).not.toBe(secrets?.REFRESH_SECRET)
    const { VAPID_PUBLIC_KEY: publicKey = '', VAPID_PRIVATE_KEY: privateKey = '' } = secrets ?? {}
    expect(areKeyPair({ publicKey, privateKey })).toBe(true)
    expect(await readdir(folder)).toEqual(['.dev.vars'])
    const before = await readFile(join(folder, '.dev.vars'), 'utf8')
    expect(await readOrCreateDevSecrets(folder)).toEqual(secrets)
    expect(await readFile(join(folder, '.dev.vars'), 'utf8')).toBe(before)
  })

  it('may be without those of Web Push, as they were before there was any', async () => {
    const folder = await folderForThisTest()
    const old = 'JWT_SECRET=mine\nREFRESH_SECRET=too\nDATABASE_URL=postgres://h/d\n'
    await writeFile(join(folder, '.dev.vars'), old)
    expect(await readOrCreateDevSecrets(folder)).toMatchObject({ JWT_SECRET: 'mine', VAPID_PRIVATE_KEY: '' })
  })

  it('are not touched where the file is incomplete, which is said', async () => {
    const folder = await folderForThisTest()
    const path = join(folder, '.dev.vars')
    await writeFile(path, 'JWT_SECRET=mine\nDATABASE_URL=postgres://h/d\n')
    await expect(readOrCreateDevSecrets(folder)).rejects.toThrow(
      `${path} lacks a usable REFRESH_SECRET: add it, or delete the file to have it made anew.`,
    )
    expect(await readFile(path, 'utf8')).toContain('JWT_SECRET=mine')
  })
})

describe('an env file', () => {
  it('holds values with quotes, hashes and spaces', async () => {
    const entries = { A: `it's # "so"`, B: '', C: 'plain', D: "a 'b'", E: 'x=y' }
    const path = join(await folderForThisTest(), 'env')
    await writeFile(path, envFileText(entries))
    expect(await readEnvFile(path)).toEqual(entries)
  })

  it('keeps wrangler from taking a dollar sign for a variable', () => {
    expect(envFileText({ URL: 'postgres://u:pa$$word@h/d' })).toBe("URL='postgres://u:pa\\$\\$word@h/d'\n")
  })
})

describe('cron', () => {
  it('fires every handler at once when it starts', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.end('ok')
    }).listen(0, LOOPBACK)
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const cron = startCron({
      origin: `http://${LOOPBACK}:${port}`,
      crons: ['* * * * *', '17 * * * *'],
      print: () => {},
    })
    onTestFinished(() => cron.stop())
    expect(await until(() => asked.length === 2, { withinMs: 5_000 })).toBe(true)
    expect(asked.sort()).toEqual([
      '/cdn-cgi/handler/scheduled?cron=*%20*%20*%20*%20*',
      '/cdn-cgi/handler/scheduled?cron=17%20*%20*%20*%20*',
    ])
  })

  it('says that nobody is there, unless that is fine', async () => {
    const origin = `http://${LOOPBACK}:${await freePort()}`
    const said: string[] = []
    const quiet = startCron({ origin, crons: ['* * * * *'], optional: true, print: () => said.push('quiet') })
    const loud = startCron({ origin, crons: ['* * * * *'], print: (line) => said.push(line) })
    onTestFinished(() => {
      quiet.stop()
      loud.stop()
    })
    expect(await until(() => said.length > 0, { withinMs: 5_000 })).toBe(true)
    expect(said).toEqual([expect.stringContaining('could not be fired: connect ECONNREFUSED')])
  })
})

describe('ports', () => {
  it('are free until somebody listens', async () => {
    const port = await freePort()
    expect(await isPortFree(port)).toBe(true)
    const server = createServer().listen(port, LOOPBACK)
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    expect(await isPortFree(port)).toBe(false)
  })
})

describe('a table', () => {
  it('has columns as wide as their content, and cuts what is long', () => {
    expect(
      table(
        ['id', 'error'],
        [
          ['7', 'broken\n  twice'],
          ['123', 'x'.repeat(200)],
        ],
      ),
    ).toBe(`id   error\n7    broken twice\n123  ${'x'.repeat(79)}…`)
  })
})
