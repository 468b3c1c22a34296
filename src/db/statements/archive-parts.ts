import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import type { ArchivePart, KeyColumn } from './archive-pages.ts'
import { isThere } from './conversation-parts.ts'
import { isPresent } from './visibility.ts'

/** A row of 1 KB or so, and one of a hundred bytes. */
const WIDE_ROWS = 1_000
const NARROW_ROWS = 5_000
/** A list with its members. */
const LIST_ROWS = 10

/** A moment in ISO 8601, UTC; null stays null. */
export function iso(moment: SQL): SQL {
  return sql`to_char(${moment} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

const key = (column: SQL, type: KeyColumn['type'] = 'bigint'): KeyColumn => ({ column, type })

/** Somebody else `u`: nobody sees the name of who was deactivated or suspended. */
const person = sql`json_build_object('id', u.id, 'username', case when ${isPresent} then u.username end)`

/** Rows about other people, one each: whose they are, and whom they name. */
function people(
  table: SQL,
  {
    owner,
    other,
    keys,
    more = sql.empty(),
  }: { owner: SQL; other: SQL; keys?: ArchivePart['key']; more?: SQL },
): ArchivePart {
  return {
    from: (user) => sql`${table} r join users u on u.id = ${other} where ${owner} = ${user}`,
    key: keys ?? [key(other)],
    line: sql`json_build_object('user', ${person}${more}, 'created_at', ${iso(sql`r.created_at`)})`,
    rows: NARROW_ROWS,
  }
}

/** Rows about tweets, one each, by the id of the tweet: what others wrote is theirs. */
function tweetIds(table: SQL, more: SQL = sql.empty()): ArchivePart {
  return {
    from: (user) => sql`${table} r where r.user_id = ${user}`,
    key: [key(sql`r.tweet_id`)],
    line: sql`json_build_object('tweet_id', r.tweet_id${more}, 'created_at', ${iso(sql`r.created_at`)})`,
    rows: NARROW_ROWS,
  }
}

const tweets: ArchivePart = {
  from: (user) => sql`tweets t where t.user_id = ${user} and not t.is_deleted`,
  key: [key(sql`t.id`)],
  line: sql`json_build_object(
    'id', t.id, 'content', t.content, 'media_urls', t.media_urls, 'entities', t.entities,
    'reply_to_id', t.reply_to_id, 'reply_to_user_id', t.reply_to_user_id, 'quote_tweet_id', t.quote_tweet_id,
    'conversation_id', t.conversation_id, 'is_sensitive', t.is_sensitive,
    'like_count', t.like_count, 'retweet_count', t.retweet_count, 'reply_count', t.reply_count,
    'quote_count', t.quote_count, 'bookmark_count', t.bookmark_count, 'impression_count', t.impression_count,
    'poll', (
      select json_build_object(
        'ends_at', ${iso(sql`p.ends_at`)},
        'options', (
          select json_agg(json_build_object('position', o.position, 'text', o.text, 'vote_count', o.vote_count)
                          order by o.position)
          from poll_options o
          where o.tweet_id = t.id))
      from polls p
      where p.tweet_id = t.id),
    'earlier_versions', (
      select coalesce(
        json_agg(json_build_object('content', v.content, 'created_at', ${iso(sql`v.created_at`)}) order by v.version),
        '[]')
      from tweet_versions v
      where v.tweet_id = t.id),
    'edited_at', ${iso(sql`t.edited_at`)}, 'created_at', ${iso(sql`t.created_at`)})`,
  rows: WIDE_ROWS,
}

const retweets: ArchivePart = {
  from: (user) => sql`retweets r where r.user_id = ${user}`,
  key: [key(sql`r.id`)],
  line: sql`json_build_object('id', r.id, 'tweet_id', r.tweet_id, 'created_at', ${iso(sql`r.created_at`)})`,
  rows: NARROW_ROWS,
}

const lists: ArchivePart = {
  from: (user) => sql`lists l where l.owner_id = ${user}`,
  key: [key(sql`l.id`)],
  line: sql`json_build_object(
    'id', l.id, 'name', l.name, 'is_private', l.is_private,
    'members', (
      select coalesce(
        json_agg(json_build_object('user', ${person}, 'created_at', ${iso(sql`m.created_at`)}) order by m.user_id), '[]')
      from list_members m
      join users u on u.id = m.user_id
      where m.list_id = l.id),
    'created_at', ${iso(sql`l.created_at`)}, 'updated_at', ${iso(sql`l.updated_at`)})`,
  rows: LIST_ROWS,
}

const conversations: ArchivePart = {
  from: (user) => sql`conversations c join users u on u.id = c.other_id
          where c.user_id = ${user} and c.last_message_id is not null`,
  key: [key(sql`c.other_id`)],
  line: sql`json_build_object(
    'user', ${person}, 'is_accepted', c.is_accepted, 'unread_count', c.unread_count,
    'created_at', ${iso(sql`c.created_at`)})`,
  rows: NARROW_ROWS,
}

/**
 * Conversation by conversation, without what the user has hidden. What others wrote is there as long as it can be read
 * here, too: not across a block. Of each conversation no more is read than a page has, each way by `idx_dm_sender_receiver`.
 */
const messages: ArchivePart = {
  from(user, [other, id]) {
    const oneWay = (sender: SQL, receiver: SQL, condition: SQL) => sql`
              (select d.*
               from direct_messages d
               where d.sender_id = ${sender} and d.receiver_id = ${receiver} and ${condition}
                 ${id === undefined ? sql.empty() : sql`and d.id > case when c.other_id = ${other} then ${id} else 0 end`}
               order by d.id
               limit ${WIDE_ROWS})`
    const me = sql`${user}::bigint`
    return sql`conversations c
          join users u on u.id = c.other_id
          cross join lateral (${oneWay(me, sql`c.other_id`, sql`not d.hidden_by_sender`)}
              union all ${oneWay(sql`c.other_id`, me, sql`not d.hidden_by_receiver and ${isThere(user)}`)}) m
          where c.user_id = ${user} ${other === undefined ? sql.empty() : sql`and c.other_id >= ${other}`}`
  },
  key: [key(sql`c.other_id`), key(sql`m.id`)],
  line: sql`json_build_object(
    'id', m.id, 'with', ${person}, 'sender_id', m.sender_id, 'receiver_id', m.receiver_id, 'content', m.content,
    'media_url', m.media_url, 'is_read', m.is_read, 'created_at', ${iso(sql`m.created_at`)})`,
  rows: WIDE_ROWS,
}

/** In the order of `idx_notifications_user_id`: by type. */
const notifications: ArchivePart = {
  from: (user) => sql`notifications n join users u on u.id = n.actor_id
          where n.user_id = ${user} and n.withdrawn_at is null`,
  key: [key(sql`n.type`, 'text'), key(sql`n.id`)],
  line: sql`json_build_object(
    'id', n.id, 'type', n.type, 'actor', ${person}, 'tweet_id', n.tweet_id,
    'is_read', n.is_read or n.id <= coalesce(
      (select i.read_up_to_id from notification_inboxes i where i.user_id = n.user_id), 0),
    'created_at', ${iso(sql`n.created_at`)})`,
  rows: NARROW_ROWS,
}

const mutedConversations: ArchivePart = {
  from: (user) => sql`muted_conversations r where r.user_id = ${user}`,
  key: [key(sql`r.conversation_id`)],
  line: sql`json_build_object('conversation_id', r.conversation_id, 'created_at', ${iso(sql`r.created_at`)})`,
  rows: NARROW_ROWS,
}

const mutedWords: ArchivePart = {
  from: (user) => sql`muted_words w where w.user_id = ${user}`,
  key: [key(sql`w.id`)],
  line: sql`json_build_object(
    'id', w.id, 'phrase', w.phrase, 'expires_at', ${iso(sql`w.expires_at`)}, 'created_at', ${iso(sql`w.created_at`)})`,
  rows: WIDE_ROWS,
}

/** Without the hashes of tokens. */
const sessions: ArchivePart = {
  from: (user) => sql`sessions s where s.user_id = ${user}`,
  key: [key(sql`s.created_at`, 'timestamptz'), key(sql`s.id`, 'uuid')],
  line: sql`json_build_object(
    'id', s.id, 'user_agent', s.user_agent, 'created_at', ${iso(sql`s.created_at`)},
    'last_used_at', ${iso(sql`s.rotated_at`)}, 'expires_at', ${iso(sql`s.expires_at`)},
    'ended_at', ${iso(sql`s.revoked_at`)})`,
  rows: WIDE_ROWS,
}

/** Without keys, and without what comes after the host of an endpoint: whoever knows that can push. */
const pushSubscriptions: ArchivePart = {
  from: (user) => sql`push_subscriptions p where p.user_id = ${user}`,
  key: [key(sql`p.id`)],
  line: sql`json_build_object(
    'id', p.id, 'session_id', p.session_id, 'origin', substring(p.endpoint from '^https?://[^/]+'),
    'created_at', ${iso(sql`p.created_at`)})`,
  rows: WIDE_ROWS,
}

/** What an archive has besides the account itself: a JSON array in a file of this name each. */
export const ARCHIVE_PARTS = {
  'tweets.json': tweets,
  'retweets.json': retweets,
  'likes.json': tweetIds(sql`likes`),
  'bookmarks.json': tweetIds(sql`bookmarks`),
  'poll_votes.json': tweetIds(sql`poll_votes`, sql`, 'position', r.position`),
  'following.json': people(sql`follows`, {
    owner: sql`r.follower_id`,
    other: sql`r.following_id`,
    more: sql`, 'show_retweets', r.show_retweets, 'notify', r.notify`,
  }),
  'followers.json': people(sql`follows`, { owner: sql`r.following_id`, other: sql`r.follower_id` }),
  'follow_requests_sent.json': people(sql`follow_requests`, {
    owner: sql`r.requester_id`,
    other: sql`r.target_id`,
  }),
  'follow_requests_received.json': people(sql`follow_requests`, {
    owner: sql`r.target_id`,
    other: sql`r.requester_id`,
    keys: [key(sql`r.created_at`, 'timestamptz'), key(sql`r.requester_id`)],
  }),
  'blocks.json': people(sql`blocks`, { owner: sql`r.blocker_id`, other: sql`r.blocked_id` }),
  'mutes.json': people(sql`mutes`, {
    owner: sql`r.muter_id`,
    other: sql`r.muted_id`,
    more: sql`, 'expires_at', ${iso(sql`r.expires_at`)}`,
  }),
  'dismissed_recommendations.json': people(sql`dismissed_recommendations`, {
    owner: sql`r.user_id`,
    other: sql`r.dismissed_id`,
  }),
  'lists.json': lists,
  'conversations.json': conversations,
  'messages.json': messages,
  'notifications.json': notifications,
  'muted_conversations.json': mutedConversations,
  'muted_words.json': mutedWords,
  'sessions.json': sessions,
  'push_subscriptions.json': pushSubscriptions,
} as const satisfies Record<string, ArchivePart>

/** The account itself: the only row of its kind. */
export const ACCOUNT_PART: ArchivePart = {
  from: (user: UserId) => sql`users u
          left join notification_inboxes i on i.user_id = u.id
          left join home_markers h on h.user_id = u.id
          where u.id = ${user}`,
  key: [key(sql`u.id`)],
  line: sql`json_build_object(
    'id', u.id, 'username', u.username, 'email', u.email, 'display_name', u.display_name, 'bio', u.bio,
    'avatar_url', u.avatar_url, 'cover_url', u.cover_url, 'location', u.location, 'website', u.website,
    'birth_date', u.birth_date, 'verified', u.verified, 'role', u.role,
    'is_active', u.is_active, 'suspended_at', ${iso(sql`u.suspended_at`)},
    'deactivated_at', ${iso(sql`u.deactivated_at`)},
    'is_private', u.is_private, 'hide_sensitive', u.hide_sensitive, 'allow_messages_from', u.allow_messages_from,
    'follower_count', u.follower_count, 'following_count', u.following_count, 'tweet_count', u.tweet_count,
    'notification_preferences', coalesce(i.preferences, '{}'), 'unread_notifications', coalesce(i.unread_count, 0),
    'last_read_tweet_id', h.last_read_id,
    'created_at', ${iso(sql`u.created_at`)}, 'updated_at', ${iso(sql`u.updated_at`)})`,
  rows: 1,
}
