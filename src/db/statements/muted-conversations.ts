import { sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { viewerRefusal } from './engagement.ts'
import { tweetIsVisibleTo } from './visibility.ts'

export type ConversationMuted = 'done' | 'tweet_not_found' | 'unauthenticated' | 'suspended'

/** Mutes the conversation of a tweet that the viewer may see; again does nothing. */
export async function insertMutedConversation(
  db: Db,
  viewer: UserId,
  tweet: TweetId,
): Promise<ConversationMuted> {
  const [row] = await query<{ outcome: ConversationMuted }>(
    db,
    sql`
    with target as (
      select t.conversation_id
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet} and ${tweetIsVisibleTo(viewer)}
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'tweet_not_found' end)
        as refusal
    ), muted as (
      insert into muted_conversations (user_id, conversation_id)
      select ${viewer}::bigint, conversation_id from target where (select refusal from gate) is null
      on conflict do nothing
    )
    select coalesce((select refusal from gate), 'done') as outcome`,
  )
  if (row === undefined) throw new Error('Muting a conversation answered no row')
  return row.outcome
}

/**
 * Unmutes the conversation of a tweet; again does nothing. Works on a tweet that can no longer be seen, too: the row is the
 * viewer's own.
 */
export async function deleteMutedConversation(
  db: Db,
  viewer: UserId,
  tweet: TweetId,
): Promise<ConversationMuted> {
  const [row] = await query<{ outcome: ConversationMuted }>(
    db,
    sql`
    with target as (
      select t.conversation_id
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet}
        and (${tweetIsVisibleTo(viewer)}
             or exists (select from muted_conversations mine
                        where mine.user_id = ${viewer} and mine.conversation_id = t.conversation_id))
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'tweet_not_found' end)
        as refusal
    ), unmuted as (
      delete from muted_conversations
      where user_id = ${viewer} and conversation_id = (select conversation_id from target)
        and (select refusal from gate) is null
    )
    select coalesce((select refusal from gate), 'done') as outcome`,
  )
  if (row === undefined) throw new Error('Unmuting a conversation answered no row')
  return row.outcome
}
