import { z } from 'zod'
import type { EntryId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { type HomeRequest, readHomeTimeline } from '../../src/services/read-home-timeline.ts'
import { type ApiAnswer, api } from './harness.ts'

const homePage = z.object({
  tweets: z.array(z.looseObject({ id: z.number(), content: z.string(), like_count: z.number() })),
  pagination: z.object({ has_more: z.boolean(), next_cursor: z.string().nullable() }),
})
export type Home = z.infer<typeof homePage> & { ids: number[]; degraded: string | null }

/** One page of the home timeline, asked of the Worker. `query` as in a URL. */
export async function getHome(token: string, query = ''): Promise<Home> {
  const answer = await api('GET', `/api/timeline/home?${query}`, { token })
  if (answer.status !== 200) throw new Error(`The home timeline answered ${JSON.stringify(answer.body)}`)
  return toHome(answer)
}

function toHome({ body, headers }: ApiAnswer): Home {
  const page = homePage.parse(body)
  return { ...page, ids: page.tweets.map(({ id }) => id), degraded: headers.get('x-degraded') }
}

/** All pages from the first to the end of history; `between` runs after each. Answers the ids as they came. */
export async function readAllPages(
  token: string,
  limit: number,
  between: () => Promise<void> = async () => {},
): Promise<number[]> {
  const ids: number[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: Home = await getHome(token, `limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    ids.push(...page.ids)
    cursor = page.pagination.next_cursor
    await between()
  }
  return ids
}

const shownTweet = z.object({ id: z.number(), content: z.string(), like_count: z.number() })

export interface ReadHome {
  tweets: z.infer<typeof shownTweet>[]
  ids: number[]
  nextBefore: EntryId | null
  stale: boolean
}

/** The home timeline as the service answers it, with dependencies of the caller's. */
export async function readHome(
  deps: Deps,
  viewer: Viewer,
  request: Partial<HomeRequest> = {},
): Promise<ReadHome> {
  const { tweets, ...page } = await readHomeTimeline(deps, viewer, {
    limit: 20,
    before: null,
    offset: 0,
    ...request,
  })
  const shown = tweets.map((text) => shownTweet.parse(JSON.parse(text)))
  return { ...page, tweets: shown, ids: shown.map(({ id }) => id) }
}
