import type pg from 'pg'
import type { UserId } from '../../../src/domain/ids.ts'
import type { Community } from './community.ts'
import { addPoll } from './engagement.ts'
import { addList, addRetweet } from './lists.ts'
import { addTweet } from './tweets.ts'

/** What an archive must not say has `SECRET` in it. */
export interface ArchiveScene {
  /** Has a row in every table that can have one of theirs. */
  owner: UserId
  /** Follows the owner, is followed, blocked and muted, and everything else that can be between two. */
  other: UserId
  /** Blocks and mutes the owner. */
  blocking: UserId
  /** The same as `other`, but deactivated. */
  gone: UserId
}

/** The owner's tweet. */
export const MINE = 'Mine: "quotes", \\, \u2028 and\na second line 🐦'

export async function addArchiveScene(people: Community): Promise<ArchiveScene> {
  const scene: ArchiveScene = {
    owner: await people.addUser({
      email: 'owner@example.com',
      birth_date: '1990-02-28',
      bio: 'A "quoted" bio\nof two lines, \\ and 🐦',
      password_hash: 'SECRET hash',
    }),
    other: await people.addUser({ email: 'SECRET@example.com' }),
    blocking: await people.addUser(),
    gone: await people.addUser({ is_active: false, deactivated_at: new Date() }),
  }
  await addRows(people, scene)
  return scene
}

async function insert(pool: pg.Pool, table: string, row: Record<string, unknown>): Promise<void> {
  const places = Object.keys(row).map((_, index) => `$${index + 1}`)
  await pool.query(`insert into ${table} (${Object.keys(row)}) values (${places})`, Object.values(row))
}

async function addRows(people: Community, { owner, other, blocking, gone }: ArchiveScene): Promise<void> {
  const { pool } = people
  const tweet = await addPoll(pool, owner, ['yes', 'no'])
  await pool.query('update tweets set content = $1 where id = $2', [MINE, tweet])
  await addTweet(pool, owner, { content: 'SECRET: deleted', is_deleted: true })
  const theirs = await addTweet(pool, other, { content: 'SECRET: of others' })
  const version = { tweet_id: tweet, entities: '{}', created_at: new Date(0) }
  await insert(pool, 'tweet_versions', { ...version, version: 1, content: 'Before' })
  await insert(pool, 'tweet_versions', { ...version, version: 2, content: 'Between' })
  await addRetweet(pool, owner, theirs)
  for (const table of ['likes', 'bookmarks']) await insert(pool, table, { user_id: owner, tweet_id: theirs })
  await insert(pool, 'poll_votes', { user_id: owner, tweet_id: theirs, position: 1 })
  await insert(pool, 'muted_conversations', { user_id: owner, conversation_id: theirs })
  for (const one of [other, gone]) {
    await people.add('follows', owner, one, { notify: true })
    await people.add('follows', one, owner, { notify: true })
    await people.add('follow_requests', owner, one)
    await people.add('follow_requests', one, owner)
    await people.add('blocks', owner, one)
    await people.add('mutes', owner, one, { expires_at: new Date(0) })
    await insert(pool, 'dismissed_recommendations', { user_id: owner, dismissed_id: one })
  }
  await people.add('blocks', blocking, owner)
  await people.add('mutes', blocking, owner)
  await addList(pool, owner, { members: [other, gone], isPrivate: true })
  await addList(pool, other, { members: [owner], isPrivate: true })
  await addMessages(people, owner, blocking)
  await insert(pool, 'notifications', { user_id: owner, actor_id: other, type: 'like', tweet_id: tweet })
  await insert(pool, 'notifications', { user_id: owner, actor_id: gone, type: 'follow' })
  await insert(pool, 'notifications', {
    user_id: owner,
    actor_id: other,
    type: 'mention',
    withdrawn_at: new Date(),
  })
  await insert(pool, 'notifications', { user_id: other, actor_id: owner, type: 'follow' })
  await insert(pool, 'notification_inboxes', {
    user_id: owner,
    preferences: '{"like": "nobody"}',
    read_up_to_id: 1,
  })
  await insert(pool, 'home_markers', { user_id: owner, last_read_id: theirs, updated_at: new Date() })
  await insert(pool, 'muted_words', { user_id: owner, phrase: 'Spoiler', folded: 'spoiler' })
  const session = { id: crypto.randomUUID(), user_agent: 'A browser', expires_at: new Date() }
  await insert(pool, 'sessions', {
    ...session,
    user_id: owner,
    token_hash: 'SECRET',
    previous_token_hash: 'SECRET',
  })
  await insert(pool, 'push_subscriptions', {
    user_id: owner,
    session_id: session.id,
    endpoint: 'https://push.example.com/SECRET',
    p256dh: 'SECRET',
    auth: 'SECRET',
  })
}

/** Of the owner with a friend and with one who blocks them, and of those two. */
async function addMessages(people: Community, owner: UserId, blocking: UserId): Promise<void> {
  const { pool } = people
  const friend = await people.addUser({ username: 'a_friend' })
  const send = async (from: UserId, to: UserId, content: string, columns = {}) =>
    insert(pool, 'direct_messages', { sender_id: from, receiver_id: to, content, ...columns })
  for (const one of [friend, blocking]) {
    await insert(pool, 'conversations', {
      user_id: owner,
      other_id: one,
      last_message_id: 1,
      is_accepted: true,
    })
    await insert(pool, 'conversations', {
      user_id: one,
      other_id: owner,
      last_message_id: 1,
      is_accepted: true,
    })
  }
  await send(owner, friend, 'to a friend', { is_read: true })
  await send(friend, owner, 'from a friend', { hidden_by_sender: true })
  await send(owner, friend, 'SECRET: hidden', { hidden_by_sender: true })
  await send(friend, owner, 'SECRET: hidden', { hidden_by_receiver: true })
  await send(owner, blocking, 'to who blocks')
  await send(blocking, owner, 'SECRET: across a block')
  await send(friend, blocking, 'SECRET: between others')
}
