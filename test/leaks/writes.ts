import type { Heard } from './asking.ts'
import { askAs } from './asking.ts'
import { quoteOf } from './before.ts'
import { bio, type Cell, type Place, placeOf, type Sought, theQuote, word } from './place.ts'
import { of, pairOf } from './world.ts'

/** Asks a write; what it changes nobody reads afterwards. */
function writing(
  title: string,
  sought: Sought,
  body: (cell: Cell) => object | undefined,
  id: ((cell: Cell) => number | null) | null = null,
  keyOf: (cell: Cell) => string | undefined = () => undefined,
): Place {
  const [method = '', route = ''] = title.split(' · ')[0]?.split(' ') ?? []
  return placeOf(title, sought, async (cell): Promise<Heard | null> => {
    const given = id?.(cell) ?? null
    if (cell.reader === null || (id !== null && given === null)) return null
    const [json, key] = [body(cell), keyOf(cell)]
    return askAs(cell.reader, {
      method,
      path: route.replace(/\{\w+\}/, String(given)),
      ...(json === undefined ? {} : { body: json }),
      ...(key === undefined ? {} : { key }),
    })
  })
}

const tweet = ({ author }: Cell) => author.idOf('tweet')
const own = ({ world, author, reader }: Cell) =>
  reader === null ? null : of(world.quotes, pairOf(reader, author))
const NOTHING = () => undefined
const quote = ({ author }: Cell) => ({ content: 'Again', quote_tweet_id: author.idOf('tweet') })

/** What a write answers of others. */
export const writes: Place[] = [
  writing('POST /api/tweets', theQuote, quote),
  writing(
    'POST /api/tweets · repeated under its key',
    theQuote,
    ({ author }) => quoteOf(author),
    null,
    (cell) => own(cell)?.key,
  ),
  writing(
    'PUT /api/tweets/{id}',
    theQuote,
    () => ({ content: 'Changed' }),
    (cell) => own(cell)?.id ?? null,
  ),
  writing('POST /api/threads', theQuote, (cell) => ({ tweets: [quote(cell), { content: 'Next' }] })),
  writing('POST /api/tweets/{id}/reply', word('edited'), () => ({ content: 'I answer' }), tweet),
  writing('POST /api/tweets/{id}/retweet', word('edited'), NOTHING, tweet),
  writing('POST /api/tweets/{id}/retweet · with a comment', theQuote, () => ({ comment: 'Oh' }), tweet),
  writing('DELETE /api/tweets/{id}/retweet', word('edited'), NOTHING, tweet),
  writing('POST /api/tweets/{id}/like', word('edited'), NOTHING, tweet),
  writing('DELETE /api/tweets/{id}/like', word('edited'), NOTHING, tweet),
  writing('POST /api/tweets/{id}/bookmark', word('edited'), NOTHING, tweet),
  writing('POST /api/tweets/{id}/mute-conversation', word('edited'), NOTHING, tweet),
  writing(
    'POST /api/tweets/{id}/poll/votes',
    word('yes'),
    () => ({ choices: [0] }),
    ({ author }) => author.idOf('poll'),
  ),
  writing(
    'POST /api/messages/{userId}',
    bio,
    () => ({ content: 'Hello' }),
    ({ author }) => author.person.id,
  ),
  writing('POST /api/users/{id}/follow', bio, NOTHING, ({ author }) => author.person.id),
]
