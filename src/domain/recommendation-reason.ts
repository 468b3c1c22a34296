/** Why somebody is recommended. */
export const REASONS = ['followed_by', 'interests', 'popular'] as const
export type Reason = (typeof REASONS)[number]

/**
 * The reason in a sentence: "Followed by Ada and 3 others". `names` are the first of those one follows who follow them,
 * `mutuals` is how many there are; `tag` is the hashtag that both use.
 */
export function reasonText(
  reason: Reason,
  { names, mutuals, tag }: { names: readonly string[]; mutuals: number; tag: string | null },
): string {
  switch (reason) {
    case 'followed_by':
      return `Followed by ${people(names, mutuals)}`
    case 'interests':
      return tag === null ? 'Tweets about what you like' : `Tweets about #${tag}`
    case 'popular':
      return 'Popular on Warbler'
  }
}

function people([first = 'somebody', second]: readonly string[], total: number): string {
  if (total <= 1) return first
  if (total === 2) return `${first} and ${second ?? '1 other'}`
  return `${first} and ${total - 1} others`
}
