import { sql } from 'drizzle-orm'
import type { Viewer } from '../../src/services/deps.ts'
import { newBrowser } from '../runtime/browsers.ts'
import { rows } from '../runtime/harness.ts'
import { insertPeople } from '../runtime/people.ts'
import { done, Listener } from './asking.ts'
import { STATES } from './cells.ts'
import { Author, FOLLOWING, idIn, of, pairOf, post, READERS, type World } from './world.ts'

/** Everybody there is: strangers to each other, all public. */
export async function createPeople(): Promise<World> {
  const people = await insertPeople(2 * STATES.length + READERS.length + 2)
  const next = (): Viewer => {
    const person = people.pop()
    if (person === undefined) throw new Error('Too few were inserted')
    return person
  }
  const authorsBy = () => new Map(STATES.map((state) => [state, new Author(next(), state)]))
  const world: World = {
    authors: authorsBy(),
    stars: authorsBy(),
    readers: new Map(READERS.map((relation) => [relation, next()])),
    bystander: next(),
    pulledBystander: next(),
    asked: 0 as World['asked'],
    askedBelow: 0 as World['askedBelow'],
    echoes: new Map(),
    pleas: new Map(),
    quotes: new Map(),
    list: 0,
    lists: new Map(),
    held: [],
    live: new Map(),
    resumed: new Map(),
    pushed: new Map(),
    answers: new Map(),
  }
  for (const { person } of [...world.stars.values(), { person: world.pulledBystander }]) {
    await rows(
      sql`insert into pulled_authors (user_id, since) values (${person.id}, now() - interval '1 hour')`,
    )
  }
  return world
}

/** All at once. */
async function all<Item>(items: Iterable<Item>, what: (item: Item) => Promise<unknown>): Promise<void> {
  await Promise.all([...items].map(what))
}

const follow = (who: Viewer, { id }: Viewer) => done(who, { method: 'POST', path: `/api/users/${id}/follow` })

export async function meet({ authors, stars, readers, bystander, pulledBystander }: World): Promise<void> {
  await all([...authors.values(), ...stars.values()], async (author) => {
    const { person, bio } = author
    await done(person, { method: 'PUT', path: `/api/users/${person.id}`, body: { bio } })
    await all(FOLLOWING, async (relation) => {
      if (relation !== 'owner' && relation !== 'anonymous') await follow(of(readers, relation), person)
    })
  })
  await all([...authors.values()], async ({ person }) => {
    await follow(bystander, person)
    await all([bystander, ...readers.values()], (other) => follow(person, other))
  })
  await all(readers.values(), async (reader) => {
    await follow(reader, bystander)
    await follow(reader, pulledBystander)
  })
}

/** Everybody's timeline is warm from now on. Answers where their sockets are to resume, by reader. */
export async function comeOnline({ authors, readers }: World): Promise<Map<number, string>> {
  const seqs = new Map<number, string>()
  await all([...readers.values(), ...[...authors.values()].map(({ person }) => person)], async (person) => {
    const listener = await Listener.open(person)
    if (listener === null) throw new Error('No socket was opened')
    await listener.settled()
    seqs.set(person.id, listener.seq)
    listener.close()
    await rows(sql`
      insert into sessions (id, user_id, token_hash, expires_at)
      values (${person.sessionId}::uuid, ${person.id}, '', now() + interval '1 day')`)
  })
  return seqs
}

/** Each reader's browser. */
export async function subscribe({ readers }: World) {
  const browsers = new Map<number, Awaited<ReturnType<typeof newBrowser>>>()
  await all(readers.values(), async (reader) => {
    const browser = await newBrowser()
    await done(reader, { method: 'POST', path: '/api/push/subscriptions', body: browser })
    browsers.set(reader.id, browser)
  })
  return browsers
}

/** What authors write, and do to others. */
export async function write(world: World): Promise<void> {
  const { authors, stars, readers, bystander } = world
  world.asked = await post(bystander, { content: 'Any questions?' })
  world.askedBelow = await post(bystander, { content: 'Any?', reply_to_id: world.asked })
  await all(stars.values(), (star) => star.post('plain'))
  await all(authors.values(), async (author) => {
    await all(
      [
        () => writeTo(world, author),
        () => meddle(author, world.asked),
        () => plead(world, author),
        () => makeLists(world, author),
        ...[...readers.values()].map((reader) => () => turnTo(author, reader)),
      ],
      (step) => step(),
    )
  })
}

async function writeTo({ readers, asked, askedBelow }: World, author: Author): Promise<void> {
  const names = [...readers.values()].map(({ username }) => `@${username}`).join(' ')
  const poll = { options: [author.word('yes'), author.word('no')], duration_minutes: 1000 }
  await author.post('tweet', {}, author.word('first'))
  await author.post('plain', {}, `#${author.tag}`)
  await author.post('draft')
  await author.post('poll', { poll })
  await author.post('reply', { reply_to_id: asked })
  await author.post('nested', { reply_to_id: askedBelow })
  await author.post('quote', { quote_tweet_id: asked })
  await author.post('mention', {}, names)
  const { person } = author
  const tweet = author.idOf('tweet')
  await done(person, { method: 'PUT', path: `/api/tweets/${tweet}`, body: { content: author.word('tweet') } })
  await author.post('answer', { reply_to_id: tweet })
  await author.post('selfquote', { quote_tweet_id: tweet })
  await meddle(author, tweet)
}

/** Likes and retweets a tweet. */
async function meddle({ person }: Author, tweet: number): Promise<void> {
  for (const act of ['like', 'retweet']) {
    await done(person, { method: 'POST', path: `/api/tweets/${tweet}/${act}` })
  }
}

async function plead({ bystander, pleas }: World, author: Author): Promise<void> {
  const early = await post(bystander, { content: 'Retweet this' })
  const late = await post(bystander, { content: 'Retweet this later' })
  pleas.set(author.state, { early, late })
  await done(author.person, { method: 'POST', path: `/api/tweets/${early}/retweet` })
}

/** All that an author does to a reader, and to a tweet of theirs. */
async function turnTo(author: Author, reader: Viewer): Promise<void> {
  const { person } = author
  const tweet = await post(reader, { content: 'Mine' })
  await meddle(author, tweet)
  await post(person, { content: author.word('replied'), reply_to_id: tweet })
  await post(person, { content: author.word('quoted'), quote_tweet_id: tweet })
  const body = { content: author.message }
  await done(person, { method: 'POST', path: `/api/messages/${reader.id}`, body })
}

async function makeLists({ lists }: World, { person, state, base }: Author): Promise<void> {
  const make = async (is_private: boolean) =>
    idIn(
      await done(person, { method: 'POST', path: '/api/lists', body: { name: `list${base}`, is_private } }),
    )
  lists.set(state, { public: await make(false), private: await make(true) })
}

/** What others make of what authors wrote. */
export async function echo(world: World): Promise<void> {
  const { authors, readers, bystander } = world
  const list = await done(bystander, { method: 'POST', path: '/api/lists', body: { name: 'All' } })
  world.list = idIn(list)
  await all(authors.entries(), async ([state, author]) => {
    const path = `/api/lists/${world.list}/members/${author.person.id}`
    await done(bystander, { method: 'POST', path })
    await all([...readers.values(), author.person], (reader) => engage(world, author, reader))
    world.echoes.set(state, await echoOne(world, author))
  })
}

async function echoOne({ readers, bystander, pulledBystander }: World, author: Author) {
  const tweet = author.idOf('tweet')
  const names = [...readers.values()].map(({ username }) => `@${username}`).join(' ')
  for (const who of [bystander, pulledBystander]) {
    await done(who, { method: 'POST', path: `/api/tweets/${tweet}/retweet` })
  }
  return {
    reply: await post(bystander, { content: 'I see', reply_to_id: tweet }),
    quote: await post(bystander, { content: 'Look', quote_tweet_id: tweet }),
    call: await post(bystander, { content: `Look ${names}`, quote_tweet_id: tweet }),
    pulledQuote: await post(pulledBystander, { content: 'Look', quote_tweet_id: tweet }),
  }
}

/** Likes, bookmarks, quotes and retweets the author's tweet. */
async function engage({ quotes }: World, author: Author, reader: Viewer): Promise<void> {
  const tweet = author.idOf('tweet')
  for (const act of ['like', 'bookmark', 'retweet']) {
    await done(reader, { method: 'POST', path: `/api/tweets/${tweet}/${act}` })
  }
  const key = crypto.randomUUID()
  const id = await post(reader, quoteOf(author), key)
  quotes.set(pairOf(reader, author), { id, key })
}

/** What readers post under their keys. */
export function quoteOf(author: Author): object {
  return { content: `I say: ${author.state}`, quote_tweet_id: author.idOf('tweet') }
}
