import { fakeTimeline } from '../runtime/fake-timeline.ts'
import { readHome } from '../runtime/homes.ts'
import type { Heard } from './asking.ts'
import {
  bio,
  type Cell,
  message,
  name,
  type Place,
  placeOf,
  reading,
  retweeter,
  type Sought,
  theQuote,
  theTweet,
  word,
} from './place.ts'
import { type Echoes, type Item, of, pairOf } from './world.ts'

const PAGE = '?limit=100'

const tweet =
  (item: Item) =>
  ({ author }: Cell) =>
    author.idOf(item)
const echo =
  (kind: keyof Echoes) =>
  ({ world, author }: Cell) =>
    of(world.echoes, author.state)[kind]
const ownQuote = ({ world, author, reader }: Cell) =>
  reader === null ? null : of(world.quotes, pairOf(reader, author)).id
const author = (cell: Cell) => cell.author.person.id
const bystander = (cell: Cell) => cell.world.bystander.id
const itself = ({ reader }: Cell) => reader?.id ?? null
const list =
  (kind: 'public' | 'private') =>
  ({ world, author: { state } }: Cell) =>
    of(world.lists, state)[kind]
const listName = { marker: ({ author: { base } }: Cell) => `list${base}` }
/** Somebody who is present, in a list that is an author's. */
const anybody = { marker: ({ world }: Cell) => world.bystander.username }

/** As one of the people listed, not as somebody who follows them. */
const recommended = {
  marker: ({ author: { person } }: Cell) =>
    `{"id":${person.id},"username":"${person.username}","display_name":"${person.username}","avatar_url":null,"verified":false,"relationship"`,
}

const tweets: Place[] = [
  reading('GET /api/tweets/{id}', word('plain'), tweet('plain')),
  reading('GET /api/tweets/{id} · its poll', word('yes'), tweet('poll')),
  reading('GET /api/tweets/{id} · quoted by another', theQuote, echo('quote')),
  reading('GET /api/tweets/{id} · quoted by the reader', theQuote, ownQuote),
  reading('GET /api/tweets/{id} · answered by another', theTweet, echo('reply')),
  reading('GET /api/tweets/{id}/history', word('first'), tweet('tweet')),
  reading('GET /api/tweets/{id}/replies', word('answer'), tweet('tweet')),
  reading('GET /api/tweets/{id}/replies · to another', word('reply'), ({ world }) => world.asked),
  reading('GET /api/tweets/{id}/quotes', word('selfquote'), tweet('tweet'), PAGE),
  reading('GET /api/tweets/{id}/quotes · of another', word('quote'), ({ world }) => world.asked),
  reading('GET /api/tweets/{id}/likes', name, tweet('tweet')),
  reading('GET /api/tweets/{id}/likes · of another’s', name, ({ world }) => world.asked),
  reading('GET /api/tweets/{id}/retweets', name, tweet('tweet')),
  reading('GET /api/tweets/{id}/retweets · of another’s', name, ({ world }) => world.asked),
  reading('GET /api/tweets/{id}/thread', theTweet, tweet('tweet')),
  reading('GET /api/tweets/{id}/thread · above', theTweet, echo('reply')),
  reading('GET /api/tweets/{id}/thread · an answer', word('reply'), ({ world }) => world.asked),
  reading('GET /api/tweets/{id}/thread · an answer to an answer', word('nested'), ({ world }) => world.asked),
]

const people: Place[] = [
  reading('GET /api/users/{id}', bio, author),
  reading('GET /api/users/{id}/tweets', word('plain'), author, PAGE),
  reading('GET /api/users/{id}/tweets · with replies', word('reply'), author, `${PAGE}&replies=true`),
  reading('GET /api/users/{id}/tweets · retweeted by another', word('edited'), bystander, PAGE),
  reading('GET /api/users/{id}/tweets · retweeted by them', retweeter, author, PAGE),
  reading('GET /api/users/{id}/tweets · quoted by another', theQuote, bystander, PAGE),
  reading('GET /api/users/{id}/tweets · retweeted by the reader', word('edited'), itself, PAGE),
  reading('GET /api/timeline/user/{id}', word('plain'), author, PAGE),
  reading('GET /api/timeline/user/{id} · retweeted by another', word('edited'), bystander, PAGE),
  reading('GET /api/users/{id}/followers', anybody, author),
  reading('GET /api/users/{id}/followers · of another', name, bystander),
  reading('GET /api/users/{id}/following', anybody, author),
  reading('GET /api/users/{id}/following · of another', name, bystander),
  reading('GET /api/recommendations/users', recommended, null, PAGE),
  reading('GET /api/blocks', name),
  reading('GET /api/mutes', name),
  reading('GET /api/follow-requests', name, null, PAGE),
]

const notifications: Place[] = [
  reading('GET /api/notifications · a mention', word('mention'), null, `${PAGE}&types=mention`),
  reading('GET /api/notifications · a quote in a mention', theQuote, null, `${PAGE}&types=mention`),
  reading('GET /api/notifications · an answer', word('replied'), null, `${PAGE}&types=reply`),
  reading('GET /api/notifications · a quote', word('quoted'), null, `${PAGE}&types=quote`),
  reading('GET /api/notifications · a like', name, null, `${PAGE}&types=like`),
  reading('GET /api/notifications · a retweet', name, null, `${PAGE}&types=retweet`),
  reading('GET /api/notifications · a follow', name, null, `${PAGE}&types=follow`),
  reading(
    'GET /api/notifications · grouped mentions',
    word('mention'),
    null,
    `${PAGE}&grouped=true&types=mention`,
  ),
  reading('GET /api/notifications · grouped likes', name, null, `${PAGE}&grouped=true&types=like`),
  reading('GET /api/notifications · grouped follows', name, null, `${PAGE}&grouped=true&types=follow`),
].map(ofOthers)

/** Nobody is told of themselves. */
function ofOthers(place: Place): Place {
  return { ...place, ask: async (cell) => (cell.relation === 'owner' ? null : place.ask(cell)) }
}

const own: Place[] = [
  reading('GET /api/timeline/likes', word('edited'), null, PAGE),
  reading('GET /api/bookmarks', word('edited'), null, PAGE),
  reading('GET /api/timeline/mentions', word('mention'), null, PAGE),
  reading('GET /api/timeline/mentions · quoted by another', theQuote, null, PAGE),
  ...notifications,
  reading('GET /api/messages', message, null, PAGE),
  reading('GET /api/messages/{userId}', message, author),
  reading('GET /api/messages/requests', message, null, PAGE),
]

const lists: Place[] = [
  reading('GET /api/lists/{id}/timeline', word('plain'), ({ world }) => world.list, PAGE),
  reading(
    'GET /api/lists/{id}/timeline · retweeted by another',
    word('edited'),
    ({ world }) => world.list,
    PAGE,
  ),
  reading('GET /api/lists/{id}/timeline · retweeted by them', retweeter, ({ world }) => world.list, PAGE),
  reading('GET /api/lists/{id}/members', name, ({ world }) => world.list),
  reading('GET /api/lists/{id} · of theirs, public', listName, list('public')),
  reading('GET /api/lists/{id} · of theirs, private', listName, list('private')),
  placeOf('GET /api/lists · of theirs', listName, (cell) =>
    reading('GET /api/lists', listName, null, `?user=${cell.author.person.id}`).ask(cell),
  ),
]

const HOME = 'GET /api/timeline/home'
const star = ({ world, author: { state } }: Cell) => of(world.stars, state)

/** Home pages say within some seconds what changed: these are asked again until they do. */
export const homes: Place[] = [
  reading(HOME, word('plain'), null, PAGE),
  reading(`${HOME} · retweeted by another`, word('edited'), null, PAGE),
  reading(`${HOME} · quoted by another`, theQuote, null, PAGE),
  reading(`${HOME} · retweeted by them`, retweeter, null, PAGE),
  reading(`${HOME} · by rank`, word('plain'), null, `${PAGE}&sort=top`),
  reading(`${HOME} · by rank, retweeted by them`, retweeter, null, `${PAGE}&sort=top`),
  reading(`${HOME} · by rank, quoted by another`, theQuote, null, `${PAGE}&sort=top`),
  reading(`${HOME} · around the marker`, word('plain'), null, `${PAGE}&around=marker`),
  reading(`${HOME} · a pulled author`, { marker: (cell) => star(cell).word('plain') }, null, PAGE),
  reading(
    `${HOME} · a pulled author by rank`,
    { marker: (cell) => star(cell).word('plain') },
    null,
    `${PAGE}&sort=top`,
  ),
  reading(`${HOME} · published just before`, word('late'), null, PAGE),
  placeOf(`${HOME} · without its object`, word('plain'), withoutObject),
]

/** The same as objects build them anew. */
export const rebuilt: Place[] = [
  reading(`${HOME} · built anew`, word('plain'), null, PAGE),
  reading(`${HOME} · built anew, retweeted by another`, word('edited'), null, PAGE),
  reading(`${HOME} · built anew, retweeted by them`, retweeter, null, PAGE),
  reading(`${HOME} · built anew, quoted by another`, theQuote, null, PAGE),
]

/** As when an object fails: all is read from the database. */
async function withoutObject({ reader }: Cell): Promise<Heard | null> {
  if (reader === null) return null
  const broken = fakeTimeline({
    page: () => {
      throw new Error('The object was reset')
    },
  })
  const { tweets: shown } = await readHome(reader, {}, { timeline: () => broken })
  return { status: 200, text: JSON.stringify(shown) }
}

/** What somebody types to find a thing of the author's. */
const finding = (title: string, sought: Sought, typed: (cell: Cell) => string, query = '&limit=100'): Place =>
  placeOf(title, sought, (cell) => {
    const route = title.split(' · ')[0] ?? ''
    return reading(route, sought, null, `?q=${encodeURIComponent(typed(cell))}${query}`).ask(cell)
  })

const SEARCH = 'GET /api/search/tweets'
/** What was meant may be told only to who may read it. */
const misspelt = ({ author }: Cell) => author.word('plian')

const tag: Sought = { marker: ({ author }) => author.tag }

const discovery: Place[] = [
  finding(SEARCH, word('plain'), ({ author }) => author.word('plain')),
  finding(`${SEARCH} · the latest`, word('plain'), ({ author }) => author.word('plain'), '&sort=latest'),
  finding(`${SEARCH} · from them`, word('plain'), ({ author: { person } }) => `from:${person.username}`),
  finding(`${SEARCH} · misspelt`, word('plain'), misspelt),
  finding(`${SEARCH} · by hashtag`, word('plain'), ({ author }) => `#${author.tag}`),
  finding(`${SEARCH} · quoted by another`, theQuote, ({ world }) => `from:${world.bystander.username}`),
  finding('GET /api/search/users', name, ({ author }) => author.person.username),
  finding('GET /api/users/search', name, ({ author }) => author.person.username),
  finding('GET /api/search/hashtags', tag, ({ author }) => author.tag),
  placeOf('GET /api/hashtags/{tag}/tweets', word('plain'), (cell) =>
    reading(`GET /api/hashtags/${cell.author.tag}/tweets`, word('plain')).ask(cell),
  ),
  reading('GET /api/trending/hashtags', tag, null, PAGE),
  reading('GET /api/explore · a tweet', word('edited'), null),
]

export const reads: Place[] = [...tweets, ...people, ...own, ...lists, ...discovery]
