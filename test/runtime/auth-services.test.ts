import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { updatePassword } from '../../src/db/statements/accounts.ts'
import { insertSession } from '../../src/db/statements/sessions.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { PasswordPort } from '../../src/services/deps.ts'
import { login, NOBODYS_PASSWORD_HASH } from '../../src/services/login.ts'
import { register } from '../../src/services/register.ts'
import { PASSWORD, registerUser, rows, testDeps, uniqueName } from './harness.ts'

/** Remembers what it was asked; finds every password right when told so. */
function fakePasswords(verdict = { matches: false, outdated: false }) {
  const verified: string[] = []
  const port: PasswordPort = {
    hash: async (password) => `hash of ${password}`,
    verify: async (_password, encoded) => {
      verified.push(encoded)
      return verdict
    },
  }
  return { port, verified }
}

const account = (username = uniqueName()) => ({
  username,
  email: `${username}@example.com`,
  displayName: 'Somebody',
  password: PASSWORD,
  userAgent: 'test',
})

const signIn = (username: string) => ({ account: { username }, password: PASSWORD, userAgent: 'test' })

async function passwordHashOf(username: string): Promise<string> {
  const [user] = await rows<{ password_hash: string }>(
    sql`select password_hash from users where username = ${username}`,
  )
  return user?.password_hash ?? ''
}

describe('a sign-in', () => {
  it('verifies a password once whether there is such a user or not, so that the time tells nothing', async () => {
    const { user } = await registerUser()
    for (const username of [user.username, uniqueName('nobody')]) {
      const { port, verified } = fakePasswords()
      const attempt = login(testDeps({ passwords: port }), signIn(username))
      await expect(attempt).rejects.toMatchObject({ code: 'invalid_credentials' })
      expect(verified).toEqual([
        username === user.username ? await passwordHashOf(username) : NOBODYS_PASSWORD_HASH,
      ])
    }
  })

  it('verifies nobody’s password at the price of somebody’s', async () => {
    expect(await env.PASSWORDS.verify(PASSWORD, NOBODYS_PASSWORD_HASH)).toEqual({
      matches: false,
      outdated: false,
    })
    const weaker = NOBODYS_PASSWORD_HASH.replace('p=5', 'p=4')
    expect(await env.PASSWORDS.verify(PASSWORD, weaker)).toEqual({ matches: false, outdated: true })
  })

  it('never lets anyone in as nobody', async () => {
    const { port } = fakePasswords({ matches: true, outdated: false })
    const attempt = login(testDeps({ passwords: port }), signIn(uniqueName('nobody')))
    await expect(attempt).rejects.toMatchObject({ code: 'invalid_credentials' })
  })

  it('stores the password anew when its hash is outdated, after the answer', async () => {
    const { user } = await registerUser()
    const { port } = fakePasswords({ matches: true, outdated: true })
    const deps = testDeps({ passwords: port })
    await login(deps, signIn(user.username))
    await deps.settled()
    expect(await passwordHashOf(user.username)).toBe(`hash of ${PASSWORD}`)
  })

  it('goes on when the hash was replaced while the password was verified', async () => {
    const { user } = await registerUser()
    let verifications = 0
    const deps = testDeps({
      passwords: {
        ...fakePasswords().port,
        verify: async () => {
          verifications += 1
          if (verifications === 1) {
            await rows(sql`update users set password_hash = 'newer' where id = ${user.id}`)
          }
          return { matches: true, outdated: false }
        },
      },
    })
    expect((await login(deps, signIn(user.username))).user.id).toBe(user.id)
    expect(verifications).toBe(2)
  })

  it('with the old password leaves no session behind when the password changes meanwhile', async () => {
    const changes = Array.from({ length: 20 }, async () => {
      const { user } = await register(testDeps({ passwords: fakePasswords().port }), account())
      const { db } = testDeps()
      const [kept] = await rows<{ id: string }>(sql`select id from sessions where user_id = ${user.id}`)
      const from = `hash of ${PASSWORD}`
      const change = { userId: user.id, sessionId: kept?.id ?? '', from, to: 'hash of another' }
      await Promise.all([
        ...Array.from({ length: 4 }, () => insertSession(db, user.id, from, newSession())),
        updatePassword(db, change),
        ...Array.from({ length: 4 }, () => insertSession(db, user.id, from, newSession())),
      ])
      const alive = await rows<{ id: string }>(
        sql`select id from sessions where user_id = ${user.id} and revoked_at is null`,
      )
      expect(alive).toEqual([kept])
    })
    await Promise.all(changes)
  })

  it('starts no session for who was suspended meanwhile', async () => {
    const { user } = await registerUser()
    await rows(sql`update users set suspended_at = now() where id = ${user.id}`)
    const hash = await passwordHashOf(user.username)
    expect(await insertSession(testDeps().db, user.id as UserId, hash, newSession())).toBeNull()
  })
})

describe('a registration', () => {
  it('takes another id when the first is another user’s', async () => {
    const { port: passwords } = fakePasswords()
    const now = Date.now()
    const first = await register(testDeps({ passwords, now: () => now, random: () => 0.5 }), account())
    const draws = [0.5, 0.5, 0.25]
    const random = () => draws.shift() ?? 0
    const second = await register(testDeps({ passwords, now: () => now, random }), account())
    expect(second.user.id).not.toBe(first.user.id)
    expect(draws).toEqual([])
  })

  it('gives up when three ids in a row are taken', async () => {
    const { port: passwords } = fakePasswords()
    const now = Date.now()
    const deps = testDeps({ passwords, now: () => now, random: () => 0.75 })
    await register(deps, account())
    await expect(register(deps, account())).rejects.toThrow()
  })
})

function newSession() {
  return { id: crypto.randomUUID(), tokenHash: crypto.randomUUID(), userAgent: '' }
}
