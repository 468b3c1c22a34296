import type { Heard } from './asking.ts'
import { type Cell, message, type Place, placeOf, retweeter, word } from './place.ts'
import type { Item } from './world.ts'

type Told = 'live' | 'resumed' | 'pushed'

const STREAM = 'GET /api/stream'

/** Frames of some types, or all that a browser was sent. */
function told(title: string, sought: Parameters<typeof placeOf>[1], by: Told, types: string[] = []): Place {
  return placeOf(title, sought, async (cell) => heardBy(cell, by, types))
}

function heardBy({ world, reader }: Cell, by: Told, types: string[]): Heard | null {
  const text = reader === null ? undefined : world[by].get(reader.id)
  if (text === undefined) return null
  const lines = text
    .split('\n')
    .filter((line) => types.length === 0 || types.some((type) => isOf(type, line)))
  return { status: 200, text: lines.join('\n') }
}

const isOf = (type: string, line: string) => line.startsWith(`{"type":"${type}",`)

/** Only where the author has written it: who is gone writes nothing more. */
function since(place: Place, item: Item): Place {
  return {
    ...place,
    ask: async (cell) => (cell.author.tweets.has(item) ? place.ask(cell) : null),
  }
}

const liveQuote = {
  marker: ({ author }: Cell) => `"quote_tweet":{"id":${author.idOf('live')},"user"`,
  stub: ({ author }: Cell) => author.idOf('live'),
}

/** As the one who did something. */
const acted = { marker: ({ author: { person } }: Cell) => `"actor":{"id":${person.id},` }
const liked = { marker: ({ author: { person } }: Cell) => `${person.username} liked` }

/** What comes unasked: on sockets, and to browsers. */
export const pushes: Place[] = [
  since(told(`${STREAM} · a tweet`, word('live'), 'live', ['tweet']), 'live'),
  since(told(`${STREAM} · an edit`, word('liveedit'), 'live', ['tweet_edited']), 'live'),
  since(told(`${STREAM} · quoted by another`, liveQuote, 'live', ['tweet']), 'live'),
  told(`${STREAM} · published just before`, word('late'), 'live', ['tweet']),
  told(`${STREAM} · retweeted by them just before`, retweeter, 'live', ['tweet']),
  told(`${STREAM} · edited just before`, word('edited'), 'live', ['tweet_edited']),
  told(`${STREAM} · mentioned just before`, word('late'), 'live', ['notification']),
  told(`${STREAM} · a message of just before`, message, 'live', ['message']),
  told(`${STREAM} · missed tweets`, word('plain'), 'resumed', ['tweet', 'tweet_edited']),
  told(`${STREAM} · missed retweets`, word('tweet'), 'resumed', ['tweet', 'tweet_edited']),
  told(`${STREAM} · missed retweets by them`, retweeter, 'resumed', ['tweet', 'tweet_edited']),
  told(`${STREAM} · missed notifications`, word('mention'), 'resumed', ['notification']),
  told(`${STREAM} · missed acts`, acted, 'resumed', ['notification']),
  told(`${STREAM} · missed messages`, message, 'resumed', ['message']),
  told('Web Push · a mention', word('mention'), 'pushed'),
  told('Web Push · a like', liked, 'pushed'),
  told('Web Push · a message', message, 'pushed'),
]
