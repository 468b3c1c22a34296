import { WorkerEntrypoint } from 'cloudflare:workers'

/** The bindings of bench/search-bare/wrangler.toml. */
interface BareEnv {
  SEARCH_DB_0: D1Database
}

/** RPC: one statement on the database, as it is. */
export class Bare extends WorkerEntrypoint<BareEnv> {
  async ask(sql: string, binds: (string | number)[]): Promise<Record<string, unknown>[]> {
    const { results } = await this.env.SEARCH_DB_0.prepare(sql)
      .bind(...binds)
      .run()
    return results
  }
}

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler<BareEnv>
