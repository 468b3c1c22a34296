import { OVERLAY_COLUMNS } from '../../src/contracts/timeline.ts'
import { readPulledAuthors } from '../../src/db/statements/pulled-authors.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { Deps } from '../../src/services/deps.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { overlayOf } from '../../src/views/overlay.ts'
import { PulledAuthors } from '../../src/views/pulled-authors.ts'
import { viewerOf } from '../../test/node/harness/deps.ts'

/** As many as an isolate keeps of an author, and as bring their cards along (src/views/pulled-authors.ts). */
const ENTRIES = 200
const CARDS = 40
const AUTHORS_OF_A_READ = 31
const READS = 15
const REPETITIONS = 200

/** Prints what authors whom readers read cost: of the database, of who finds one in a shared cache, of a page. */
export async function measurePulledAuthors(
  deps: Deps,
  ids: readonly UserId[],
  content: string,
): Promise<void> {
  const draft = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }
  for (const id of ids) {
    // One by one: there are four ids a millisecond for the tweets of one author.
    for (let n = 0; n < ENTRIES; n++) await publishTweet(deps, viewerOf(id), { ...draft, content })
  }
  const read = (authors: readonly UserId[]) => () =>
    readPulledAuthors(deps.db, authors, { limit: ENTRIES, cards: CARDS })
  const [allMs] = await timed(READS, read(ids))
  const [oneMs, [author]] = await timed(READS, read(ids.slice(0, 1)))
  if (author === undefined) throw new Error('The author was not found')
  const text = JSON.stringify(author)

  const shared = { get: async () => JSON.parse(text), put: async () => {} }
  const take = () => new PulledAuthors().entriesOf({ ...deps, shared }, [author.author.id as UserId])
  await timed(REPETITIONS, take)
  const [takeMs, [known]] = await timed(REPETITIONS, take)
  if (known === undefined) throw new Error('The author was not read')

  const authors = Array.from({ length: AUTHORS_OF_A_READ }, () => known)
  const merge = async () => overlayOf(authors, { before: null, top: null, wanted: 20 })
  await timed(REPETITIONS, merge)
  const [mergeMs] = await timed(REPETITIONS, merge)
  const entries = known.rows.length / OVERLAY_COLUMNS
  console.log(
    `A pulled author of ${entries} entries: ${text.length} bytes, ${oneMs.toFixed(1)} ms to read (${ids.length}: ` +
      `${allMs.toFixed(1)} ms), ${takeMs.toFixed(2)} ms to take from a shared cache; a page merges ` +
      `${AUTHORS_OF_A_READ} in ${mergeMs.toFixed(2)} ms`,
  )
}

/** The median of the times that `work` took, and what it answered last. */
async function timed<Result>(times: number, work: () => Promise<Result>): Promise<[number, Result]> {
  const took: number[] = []
  for (;;) {
    const start = performance.now()
    const result = await work()
    took.push(performance.now() - start)
    if (took.length >= times) return [took.sort((a, b) => a - b)[times >> 1] ?? 0, result]
  }
}
