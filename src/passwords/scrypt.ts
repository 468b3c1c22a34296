import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** log2(N), r, p: OWASP's recommendation for scrypt with 16 MiB (Password Storage Cheat Sheet). */
const PARAMETERS = { logN: 14, r: 8, p: 5 } as const
const SALT_BYTES = 16
const KEY_BYTES = 32

interface Parameters {
  logN: number
  r: number
  p: number
}

/**
 * A self-describing hash, `$scrypt$ln=14,r=8,p=5$<salt>$<key>` in base64url. Takes about 0.2 s of CPU.
 * The password is compared after NFKC, so that one keyboard's "é" is another's.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(password, salt, KEY_BYTES, PARAMETERS)
  const { logN, r, p } = PARAMETERS
  return `$scrypt$ln=${logN},r=${r},p=${p}$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/** Whether the password made the hash, and whether it should be hashed anew with today's parameters. */
export async function verifyPassword(
  password: string,
  encoded: string,
): Promise<{ matches: boolean; outdated: boolean }> {
  const parsed = parse(encoded)
  if (parsed === null) return { matches: false, outdated: false }
  const key = await derive(password, parsed.salt, parsed.key.length, parsed.parameters)
  const { logN, r, p } = parsed.parameters
  const outdated = logN !== PARAMETERS.logN || r !== PARAMETERS.r || p !== PARAMETERS.p
  return { matches: timingSafeEqual(key, parsed.key), outdated }
}

function derive(password: string, salt: Buffer, length: number, { logN, r, p }: Parameters): Promise<Buffer> {
  const options = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, length, options, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

function parse(encoded: string): { parameters: Parameters; salt: Buffer; key: Buffer } | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]+)\$([\w-]+)$/.exec(encoded)
  if (match === null) return null
  const [, logN, r, p, salt, key] = match
  return {
    parameters: { logN: Number(logN), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt ?? '', 'base64url'),
    key: Buffer.from(key ?? '', 'base64url'),
  }
}
