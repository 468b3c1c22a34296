import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { fromUtf8 } from '../../src/contracts/utf8-text.ts'
import { moveMarker } from '../../src/services/home-marker.ts'
import { readHomeAroundMarker } from '../../src/services/read-home-timeline.ts'
import { PulledAuthors } from '../../src/views/pulled-authors.ts'
import { rows, testDeps } from '../runtime/harness.ts'
import { readHome } from '../runtime/homes.ts'
import { insertFollowers, insertPeople, insertRecentTweets } from '../runtime/people.ts'

it('a scroll from the marker upwards comes to the newest of a pulled author, however many there are', async () => {
  const [reader, star] = await insertPeople(2)
  if (!reader || !star) throw new Error('Two')
  await insertFollowers([reader], star)
  await rows(sql`insert into pulled_authors (user_id, since) values (${star.id}, now() - interval '1 hour')`)
  const ids = await insertRecentTweets(star, 45)
  const isolate = { pulled: new PulledAuthors(), sharedCache: { get: async () => null, put: async () => {} } }
  await readHome(reader, { limit: 1 }, isolate)
  await moveMarker(testDeps(), reader, ids[40] ?? 0)

  const around = await readHomeAroundMarker(testDeps(isolate), reader, 8)
  const seen = around.tweets.map((text): number => JSON.parse(fromUtf8(text)).id)
  for (let from = around.newer; from !== null; ) {
    const page = await readHome(reader, { limit: 8, from }, isolate)
    seen.unshift(...page.tweets.map(({ id }) => id))
    from = page.newer
  }
  expect(seen).toEqual(ids.slice(0, 44))
})
