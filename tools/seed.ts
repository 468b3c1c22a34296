/** `npm run seed -- --users N --tweets M`: adds an invented community to DATABASE_URL, or else to the local stack. */
import { parseArgs } from 'node:util'
import { showProgress } from './seed/progress.ts'
import { SEED_PASSWORD, type SeedRequest, seedCommunity } from './seed/seed-community.ts'
import { runTool } from './stack/run-tool.ts'
import { messageOf, StackError } from './stack/stack-error.ts'
import { withDatabase } from './stack/with-database.ts'

const USAGE = `npm run seed -- [--users 1000] [--tweets 20000] [--seed warbler] [--now 2026-11-01T12:00:00Z]

Adds a community of so many people and tweets. The same seed with the same numbers is the same community; another
one is added to what is there. --now is the moment up to which it has lived, the present by default.`

/** Beyond these the community outgrows the memory it is invented in. */
const MAX_USERS = 100_000
const MAX_TWEETS = 1_000_000

await runTool(async () => {
  const request = readRequest(process.argv.slice(2))
  if (request === null) return console.log(USAGE)
  const { users, tweets, seed } = request
  const community = `${number(users)} people and ${number(tweets)} tweets of the seed "${seed}"`
  console.log(`Seeding ${community}...`)
  const { isNew, star } = await withDatabase((databaseUrl) =>
    seedCommunity(databaseUrl, request, (rows) => showProgress(rows, process.stderr)),
  )
  console.log(isNew ? 'All of it is there now.' : 'Nothing to do: this community is there already.')
  console.log(`Everybody has the password ${SEED_PASSWORD} ; most people follow @${star}.`)
})

/** What the arguments ask for; null for help. Throws a StackError for what cannot be. */
function readRequest(args: string[]): SeedRequest | null {
  const values = parse(args)
  if (values.help) return null
  const nowMs = values.now === undefined ? Date.now() : Date.parse(values.now)
  if (!(nowMs <= Date.now())) {
    throw new StackError(`--now must be a time in the past such as 2026-11-01T12:00:00Z.\n\n${USAGE}`)
  }
  return {
    users: count('users', values.users, { min: 1, max: MAX_USERS }),
    tweets: count('tweets', values.tweets, { min: 0, max: MAX_TWEETS }),
    seed: values.seed,
    nowMs,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        users: { type: 'string', default: '1000' },
        tweets: { type: 'string', default: '20000' },
        seed: { type: 'string', default: 'warbler' },
        now: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new StackError(`${messageOf(error)}\n\n${USAGE}`)
  }
}

function count(name: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new StackError(`--${name} must be a whole number from ${number(min)} to ${number(max)}.\n\n${USAGE}`)
}

function number(value: number): string {
  return value.toLocaleString('en')
}
