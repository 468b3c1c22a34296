import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { SearchRpc } from '../../src/contracts/search.ts'
import { query } from '../../src/db/client.ts'
import { ensureTweetPartitions } from '../../src/db/statements/maintenance.ts'
import { idFloor } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { updateProfile } from '../../src/services/update-profile.ts'
import { bodyOf, publish, remove, runDeadLetters, runSearchIndex } from './consumers.ts'
import { refuseDatabase, watchDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { createOwnDatabase } from './own-database.ts'
import { insertPerson } from './people.ts'
import { areOwed, indexed, ownWord, searchBodies, tell, tweetDocument } from './searching.ts'

async function act(work: (deps: ReturnType<typeof testDeps>) => Promise<unknown>): Promise<OutboxRow[]> {
  const deps = testDeps()
  await work(deps)
  await deps.settled()
  return deps.sent
}

const setPrivate = (owner: Viewer, is_private: boolean) =>
  act((deps) => updateProfile(deps, owner, owner, { is_private }))

/** Takes every step of what is owed, as its queue does. */
async function untilDone(outbox: readonly OutboxRow[], limit = 50): Promise<number> {
  let bodies = searchBodies(outbox)
  for (let batches = 0; batches < limit; batches++) {
    if (bodies.length === 0) return batches
    const deps = testDeps()
    expect(await runSearchIndex(bodies, deps)).toMatchObject({ retried: [] })
    bodies = searchBodies(deps.sent)
  }
  throw new Error('There is no end to it')
}

/** The search Worker, some calls of which fail: before they do anything, or after they have done all. */
function failing(when: 'before' | 'after'): SearchRpc {
  const fail = async (call: () => Promise<void>) => {
    if (when === 'after') await call()
    throw new Error(`A fault ${when} the index was written`)
  }
  return {
    index: (changes) => fail(() => env.SEARCH.index(changes)),
    remove: (changes) => fail(() => env.SEARCH.remove(changes)),
    searchTweets: (search) => env.SEARCH.searchTweets(search),
    searchUsers: (search) => env.SEARCH.searchUsers(search),
    searchHashtags: (search) => env.SEARCH.searchHashtags(search),
  }
}

describe('what is told to search', () => {
  it('is found after a post, in other words after an edit, and not after a deletion', async () => {
    const [author, old, other] = [await insertPerson(), ownWord(), ownWord()]
    const { id, outbox } = await publish(author, `saw a ${old}`)
    await tell(outbox)
    expect(await indexed(old)).toEqual([id])
    await tell(await act((deps) => editTweet(deps, author, { id, content: `saw a ${other}` })))
    expect([await indexed(old), await indexed(other)]).toEqual([[], [id]])
    await tell(await remove(author, id))
    expect(await indexed(other)).toEqual([])
  })

  it('is what holds, in whatever order and however often it is told', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const { id, outbox } = await publish(author, word)
    const gone = await remove(author, id)
    const bodies = [...searchBodies(gone), ...searchBodies(outbox)]
    for (const told of [bodies, bodies.toReversed(), [...bodies, ...bodies]]) {
      expect(await runSearchIndex(told)).toMatchObject({ retried: [] })
      expect(await indexed(word)).toEqual([])
    }
  })

  it('does not bring back what was removed, however late it comes', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const { id, outbox } = await publish(author, word)
    const read = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const late: SearchRpc = {
      ...failing('before'),
      async index(changes) {
        read.resolve()
        await goOn.promise
        await env.SEARCH.index(changes)
      },
    }
    const slow = runSearchIndex(searchBodies(outbox), testDeps({ search: late }))
    await read.promise
    await tell(await remove(author, id))
    goOn.resolve()
    expect(await slow).toMatchObject({ retried: [] })
    expect(await indexed(word)).toEqual([])
  })

  it('takes a constant number of round trips, however large the batch is', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const outbox: OutboxRow[] = []
    for (let n = 0; n < 12; n++) outbox.push(...(await publish(author, `${word} ${n}`)).outbox)
    outbox.push(...(await setPrivate(author, true)), ...(await setPrivate(author, false)))
    using watched = watchDatabase()
    await tell(outbox)
    expect(watched.trips).toHaveLength(2)
    expect(await indexed(word)).toHaveLength(12)
  })

  it.each(['before', 'after'] as const)(
    'comes again when the search Worker fails %s it has written, and is owed until then',
    async (when) => {
      const [author, word] = [await insertPerson(), ownWord()]
      const { id, outbox } = await publish(author, word)
      const deps = testDeps({ search: failing(when) })
      expect(await runSearchIndex(searchBodies(outbox), deps)).toMatchObject({ acked: [] })
      expect(await areOwed(outbox)).toBe(true)
      expect(await runSearchIndex(searchBodies(outbox), testDeps(), 2)).toMatchObject({ retried: [] })
      expect([await areOwed(outbox), await indexed(word)]).toEqual([false, [id]])
    },
  )

  it('comes again when the runtime dies between telling and settling', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const { id, outbox } = await publish(author, word)
    {
      using _gate = refuseDatabase(({ text }) => text.includes('delete from outbox'))
      expect(await runSearchIndex(searchBodies(outbox))).toMatchObject({ acked: [] })
    }
    expect([await areOwed(outbox), await indexed(word)]).toEqual([true, [id]])
    expect(await runSearchIndex(searchBodies(outbox), testDeps(), 2)).toMatchObject({ retried: [] })
    expect([await areOwed(outbox), await indexed(word)]).toEqual([false, [id]])
  })

  it('is kept for an operator where nobody understands it, and keeps nothing else', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const { id, outbox } = await publish(author, word)
    const [bad] = await rows<{ id: number }>(sql`
      insert into outbox (queue, message, next_attempt_at) values ('search', '{"type": "poison"}', now())
      returning id::float8 as id`)
    const poison = { outbox_id: bad?.id, event: { type: 'poison' } }
    expect(await runSearchIndex([poison, ...searchBodies(outbox)])).toMatchObject({ retried: [] })
    expect(await indexed(word)).toEqual([id])
    const letters = await rows(sql`select queue, error from dead_letters where outbox_id = ${bad?.id}`)
    expect(letters).toEqual([{ queue: 'search', error: 'not understood' }])
  })

  it('is kept for an operator when every delivery has failed', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const { outbox } = await publish(author, word)
    const [row] = outbox.filter(({ queue }) => queue === 'search')
    if (row === undefined) throw new Error('Nothing is owed')
    await runDeadLetters([bodyOf(row)])
    const letters = await rows(sql`select queue from dead_letters where outbox_id = ${row.id}`)
    expect(letters).toEqual([{ queue: 'search' }])
  })
})

describe('an account', () => {
  it('that goes private takes all its tweets out of the index, and brings them back when it is public', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const ids: number[] = []
    for (let n = 0; n < 5; n++) {
      const { id, outbox } = await publish(author, `${word} ${n}`)
      ids.unshift(id)
      await tell(outbox)
    }
    expect(await indexed(word)).toEqual(ids)
    await untilDone(await setPrivate(author, true))
    expect(await indexed(word)).toEqual([])
    const { id, outbox } = await publish(author, `${word} hidden`)
    await tell(outbox)
    expect(await indexed(word)).toEqual([])
    await untilDone(await setPrivate(author, false))
    expect(await indexed(word)).toEqual([id, ...ids])
  })
})

describe('many tweets', () => {
  it('are gone through in steps, each of which owes the next one in its own place', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    for (let n = 0; n < 7; n++) await publish(author, `${word} ${n}`)
    // So many in one batch that each goes five tweets further.
    const steps = await rows<OutboxRow>(sql`
      insert into outbox (queue, message, next_attempt_at)
      select 'search', jsonb_build_object('type', 'tweets_of_changed', 'v', 1, 'user_id', ${author.id}::bigint, 'before_id', null, 'revision', 2), now()
      from generate_series(1, 100)
      returning id::float8 as id, queue, message`)
    const deps = testDeps()
    expect(await runSearchIndex(searchBodies(steps), deps)).toMatchObject({ retried: [] })
    expect([await areOwed(steps), deps.sent.length]).toEqual([false, 100])
    expect(await indexed(word)).toHaveLength(5)
    await untilDone(deps.sent)
    expect([await areOwed(deps.sent), (await indexed(word)).length]).toEqual([false, 7])
  })

  it('are gone through for the author’s last change alone, where several meet', async () => {
    const [author, word] = [await insertPerson(), ownWord()]
    const ids: number[] = []
    for (let n = 0; n < 7; n++) ids.unshift((await publish(author, `${word} ${n}`)).id)
    const walks: OutboxRow[] = []
    for (const isPrivate of [true, false, true, false]) walks.push(...(await setPrivate(author, isPrivate)))
    expect(walks).toHaveLength(4)
    // All of them would go four tweets further; those of the last change take all in one step.
    const steps = await rows<OutboxRow>(sql`
      insert into outbox (queue, message, next_attempt_at)
      select queue, message, now() from outbox, generate_series(1, 25) where id in ${walks.map(({ id }) => id)}
      returning id::float8 as id, queue, message`)
    const all = [...walks, ...steps]
    const deps = testDeps()
    expect(await runSearchIndex(searchBodies(all), deps)).toMatchObject({ retried: [] })
    expect([await areOwed(all), deps.sent]).toEqual([false, []])
    expect(await indexed(word)).toEqual(ids)
  })

  it('are indexed anew from Postgres, the oldest first, through a death on the way', async () => {
    const [db, word] = [await createOwnDatabase(), ownWord()]
    await ensureTweetPartitions(db, Date.now())
    const [author] = await query<{ id: number }>(
      db,
      sql`
      insert into users (id, username, email, password_hash, display_name)
      select 1000 + n, ${word} || n, n || '@example.com', '', 'Somebody' from generate_series(1, 3) n
      returning id::float8 as id`,
    )
    const [{ ids = [] } = {}] = await query<{ ids: number[] }>(
      db,
      sql`
      with added as (
        insert into tweets (id, nonce, user_id, content, entities, conversation_id, is_deleted, revision)
        select ${idFloor(Date.now() - 3_600_000)}::bigint + n, gen_random_uuid(), ${author?.id}, ${word},
               '{"hashtags": [], "mentions": [], "urls": []}', 1, n = 7, 1 + (n = 7)::int
        from generate_series(1, 1200) n
        returning id
      )
      select json_agg(id::float8 order by id desc) as ids from added`,
    )
    const gone = ids.at(-7) ?? 0
    await env.SEARCH.index({ people: [], tweets: [tweetDocument(gone, word)] })
    expect(await indexed(word)).toEqual([gone])

    const [row] = await query<OutboxRow>(
      db,
      sql`
      insert into outbox (queue, message, next_attempt_at)
      values ('search', '{"type": "reindex", "v": 1, "of": "people", "after_id": 0}', now())
      returning id::float8 as id, queue, message`,
    )
    let owed = row === undefined ? [] : [row]
    let deaths = 0
    let batches = 0
    for (; owed.length > 0 && batches < 20; batches++) {
      const deps = testDeps({ db })
      if (batches === 2) {
        using _gate = refuseDatabase(({ text }) => text.includes('delete from outbox'))
        expect(await runSearchIndex(searchBodies(owed), deps)).toMatchObject({ acked: [] })
        deaths++
        continue
      }
      expect(await runSearchIndex(searchBodies(owed), deps)).toMatchObject({ retried: [] })
      owed = deps.sent
      expect((await query(db, sql`select from outbox`)).length).toBe(owed.length)
    }
    expect([deaths, batches]).toEqual([1, 5])
    const expected = ids.filter((id) => id !== gone)
    expect(await indexed(word)).toEqual(expected.slice(0, 100))
    const { hits } = await env.SEARCH.searchUsers({ text: word, after: null, limit: 10 })
    expect(hits).toHaveLength(3)
  })
})
