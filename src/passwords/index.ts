import { WorkerEntrypoint } from 'cloudflare:workers'
import { hashPassword, verifyPassword } from './scrypt.ts'

/** RPC: the only two things that may be done to a password. */
export class Passwords extends WorkerEntrypoint {
  hash(password: string): Promise<string> {
    return hashPassword(password)
  }

  verify(password: string, encoded: string): Promise<{ matches: boolean; outdated: boolean }> {
    return verifyPassword(password, encoded)
  }
}

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler
