/**
 * The graph of who is followed by how many, and who posts how often, as classes of authors that are alike. Built from
 * published points of Twitter's (docs/capacity.md, "The graph", says which are published and which are assumed).
 */
export interface AuthorClass {
  followers: number
  authors: number
  /** Of one author: tweets, replies, quotes and retweets. */
  postsPerDay: number
}

export interface GraphAssumptions {
  /** Accounts that have posted within a month. */
  authors: number
  /** Of all of them together. */
  postsPerDay: number
  /** What authors above `LARGE` post, as a multiple of what the published curve says. */
  largePostingFactor: number
}

/** Share of posting accounts with at least so many followers. Between two points both scales are logarithmic. */
const SHARE_ABOVE: readonly (readonly [followers: number, share: number])[] = [
  [1, 1],
  [61, 0.5],
  [1_000, 0.04],
  [3_000, 0.01],
  // The 50th of Twitter's accounts in 2022, of some 200 million active ones.
  [37_700_000, 50 / 200_000_000],
]
/** Nobody has more: whoever the curve gives more to has this many. */
const FOLLOWERS_MAX = 200_000_000
const CLASSES_PER_DECADE = 40
/** From so many followers on, an author's posting is varied by the sensitivity runs. */
const LARGE = 100_000

/** Posting grows as the square root of followers, from 100 to 1,800 of them, and no more beyond. */
const POSTING_FROM = 100
const POSTING_TO = 1_800

export function shareAbove(followers: number): number {
  const next = SHARE_ABOVE.findIndex(([at]) => at >= followers)
  const upper = next === -1 ? SHARE_ABOVE.length - 1 : Math.max(1, next)
  const [fromFollowers, fromShare] = SHARE_ABOVE[upper - 1] ?? [1, 1]
  const [toFollowers, toShare] = SHARE_ABOVE[upper] ?? [1, 1]
  const slope = Math.log(toShare / fromShare) / Math.log(toFollowers / fromFollowers)
  return fromShare * (followers / fromFollowers) ** slope
}

export function buildGraph({ authors, postsPerDay, largePostingFactor }: GraphAssumptions): AuthorClass[] {
  const count = Math.round(Math.log10(FOLLOWERS_MAX) * CLASSES_PER_DECADE)
  const edgeAt = (n: number) => FOLLOWERS_MAX ** (n / count)
  const classes = Array.from({ length: count }, (_, n) => {
    const [from, to] = [edgeAt(n), edgeAt(n + 1)]
    const above = n === count - 1 ? 0 : shareAbove(to)
    return { followers: Math.sqrt(from * to), authors: authors * (shareAbove(from) - above) }
  })
  const weighed = classes.map((one) => ({ ...one, weight: postingWeight(one.followers) }))
  // The curve is scaled before the large are varied: their variation is not taken from the others.
  const scale = postsPerDay / sum(weighed, ({ authors: n, weight }) => n * weight)
  return weighed.map(({ weight, ...one }) => ({
    ...one,
    postsPerDay: weight * scale * (one.followers >= LARGE ? largePostingFactor : 1),
  }))
}

function postingWeight(followers: number): number {
  return Math.sqrt(Math.min(Math.max(followers, POSTING_FROM), POSTING_TO))
}

export function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
