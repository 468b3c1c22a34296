import { z } from 'zod'

/**
 * What travels in queues. Every message is versioned and small: it says what happened and to whom, and the
 * consumer reads the truth from Postgres. `outbox_id` names the row that is deleted once the effect is done.
 */
const id = z.number().int().positive()
const version = z.literal(1)

const tweetPublished = z.object({
  type: z.literal('tweet_published'),
  v: version,
  tweet_id: id,
  author_id: id,
})
const tweetDeleted = z.object({ type: z.literal('tweet_deleted'), v: version, tweet_id: id, author_id: id })
/** Its card changed: an edit. */
const tweetEdited = z.object({ type: z.literal('tweet_edited'), v: version, tweet_id: id, author_id: id })
const retweet = { v: version, entry_id: id, tweet_id: id, author_id: id, retweeter_id: id }
const tweetRetweeted = z.object({ type: z.literal('tweet_retweeted'), ...retweet })
const retweetUndone = z.object({ type: z.literal('retweet_undone'), ...retweet })
/** Somebody liked, retweeted, bookmarked or voted, or took it back: their own timeline is told what holds now. */
const flagsChanged = z.object({ type: z.literal('flags_changed'), v: version, user_id: id, tweet_id: id })

/** What somebody does not want to see changed: their own timeline is told what that is now. */
const preferencesChanged = z.object({ type: z.literal('preferences_changed'), v: version, user_id: id })

/** Receivers that one message can name, and warm followers that one message serves. */
export const FAN_OUT_RECEIVERS_MAX = 500

/**
 * Warm followers with `from_follower <= id <= to_follower`: one part of a large fan-out. With `to`, only those of them
 * who are named: what is left of a fan-out when all others have been told.
 */
const fanOutChunk = z.object({
  type: z.literal('fan_out_chunk'),
  v: version,
  effect: z.enum(['deliver', 'retract', 'revise']),
  entry_id: id,
  tweet_id: id,
  author_id: id,
  /** Whose followers: the author, or the retweeter. */
  by_id: id,
  from_follower: id,
  to_follower: id,
  to: z.array(id).min(1).max(FAN_OUT_RECEIVERS_MAX).optional(),
})
const followChanged = z.object({
  type: z.literal('follow_changed'),
  v: version,
  follower_id: id,
  followee_id: id,
  following: z.boolean(),
  graph_version: z.number().int(),
})
/** Somebody is to vanish from a timeline, or no longer for this reason; `until_ms` of a mute that ends, in Unix ms. */
const dropChanged = z.object({
  type: z.literal('drop_changed'),
  v: version,
  user_id: id,
  other_id: id,
  reason: z.enum(['block', 'blocked_by', 'mute']),
  dropped: z.boolean(),
  until_ms: z.number().int().nullable(),
  graph_version: z.number().int(),
})
/** A follower wants a followee's retweets, or no longer. */
const retweetsWanted = z.object({
  type: z.literal('retweets_wanted'),
  v: version,
  follower_id: id,
  followee_id: id,
  wanted: z.boolean(),
  graph_version: z.number().int(),
})
/** A sign-in ended (or all of a user's, when `session_id` is null): its sockets close. */
const sessionEnded = z.object({
  type: z.literal('session_ended'),
  v: version,
  user_id: id,
  session_id: z.uuid().nullable(),
  except_session_id: z.uuid().nullable(),
})

export const fanOutEvent = z.discriminatedUnion('type', [
  tweetPublished,
  tweetDeleted,
  tweetEdited,
  tweetRetweeted,
  retweetUndone,
  flagsChanged,
  preferencesChanged,
  fanOutChunk,
  followChanged,
  dropChanged,
  retweetsWanted,
  sessionEnded,
])
export type FanOutEvent = z.infer<typeof fanOutEvent>

export const fanOutMessage = z.object({ outbox_id: id, event: fanOutEvent })
export type FanOutMessage = z.infer<typeof fanOutMessage>

export const COUNTER_SUBJECTS = ['user', 'tweet', 'hashtag'] as const
export type CounterSubject = (typeof COUNTER_SUBJECTS)[number]

/** A hint that these subjects have unfolded deltas in the ledger, which is its own outbox. */
export const foldHint = z.object({
  type: z.literal('fold'),
  v: version,
  subjects: z.array(z.object({ subject: z.enum(COUNTER_SUBJECTS), id })).max(1000),
})
export type FoldHint = z.infer<typeof foldHint>

/** A tweet was deleted: what hangs on it goes too, step by step. */
const eraseDependants = z.object({ type: z.literal('erase_dependants'), v: version, tweet_id: id })

/** An account was made public: who has asked to follow it does, step by step. */
const acceptRequests = z.object({ type: z.literal('accept_requests'), v: version, user_id: id })

/** What hangs on an account and is erased with it, in this order. */
export const ERASURE_PARTS = [
  'timeline',
  // Before what a request becomes when it is accepted.
  'follow_requests',
  'followers',
  'followees',
  'blocks',
  'list_memberships',
  'lists',
  'likes',
  'retweets',
  'bookmarks',
  'tweets',
  'messages',
  'own_rows',
] as const
export type ErasurePart = (typeof ERASURE_PARTS)[number]

/** An account was erased: what hangs on it goes too, part by part, each step by step. */
export const eraseAccountEvent = z.object({
  type: z.literal('erase_account'),
  v: version,
  user_id: id,
  part: z.enum(ERASURE_PARTS),
  /** Counts the steps: of two messages that ask for the same one, the second asks for nothing. */
  nth: z.number().int().nonnegative(),
})
export type EraseAccountEvent = z.infer<typeof eraseAccountEvent>

export const engagementEvent = z.object({
  outbox_id: id,
  event: z.discriminatedUnion('type', [eraseDependants, acceptRequests, eraseAccountEvent]),
})
export type EngagementEvent = z.infer<typeof engagementEvent>

export const engagementMessage = z.union([foldHint, engagementEvent])
export type EngagementMessage = z.infer<typeof engagementMessage>

/** Recipients that one message about an audience serves: the calls of a whole batch stay under the platform's limit. */
export const AUDIENCE_CHUNK = 100

/**
 * What may have to be told to people. Each names what changed, and its consumer reads what holds now: order and repeats
 * do not matter.
 */
export const notificationEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('like_changed'), v: version, actor_id: id, tweet_id: id }),
  z.object({ type: z.literal('retweet_changed'), v: version, actor_id: id, tweet_id: id }),
  z.object({ type: z.literal('follow_changed'), v: version, follower_id: id, followee_id: id }),
  /** One blocks the other: whatever either was told of the other is withdrawn, step by step. */
  z.object({ type: z.literal('block_changed'), v: version, blocker_id: id, blocked_id: id }),
  /** Published or edited: whom it answers, quotes and mentions. */
  z.object({ type: z.literal('tweet_changed'), v: version, tweet_id: id, author_id: id }),
  /** Deleted: whatever was told of it is withdrawn, step by step. */
  z.object({ type: z.literal('tweet_withdrawn'), v: version, tweet_id: id }),
  /**
   * Those with `from_user <= id <= to_user` who asked to be told of the author's tweets, or who voted in the poll (then
   * its author, too).
   */
  z.object({
    type: z.literal('audience'),
    v: version,
    of: z.enum(['subscribers', 'voters']),
    tweet_id: id,
    author_id: id,
    from_user: id,
    to_user: id,
  }),
  z.object({ type: z.literal('message_sent'), v: version, message_id: id, sender_id: id, receiver_id: id }),
  /** The reader has read what the other one sent, up to this message. */
  z.object({ type: z.literal('messages_read'), v: version, reader_id: id, other_id: id, up_to_id: id }),
])
export type NotificationEvent = z.infer<typeof notificationEvent>

export const notificationMessage = z.object({ outbox_id: id, event: notificationEvent })
export type NotificationMessage = z.infer<typeof notificationMessage>

/** To the browsers of somebody who had no socket open: a notification, or a message. */
export const pushEvent = z.object({
  type: z.literal('push'),
  v: version,
  user_id: id,
  of: z.enum(['notification', 'message']),
  id,
})
export type PushEvent = z.infer<typeof pushEvent>

export const pushMessage = z.object({ outbox_id: id, event: pushEvent })
export type PushMessage = z.infer<typeof pushMessage>

/** Somebody asked for an archive of all that they have here. Which of theirs it is, the outbox row knows. */
export const exportMessage = z.object({
  outbox_id: id,
  event: z.object({ type: z.literal('export'), v: version, user_id: id }),
})
export type ExportMessage = z.infer<typeof exportMessage>

/**
 * What the search index may have to know. Each names what changed, and its consumer reads what holds now: order and
 * repeats do not matter.
 */
export const searchEvent = z.discriminatedUnion('type', [
  /** Published, edited, deleted, or liked so much more. */
  z.object({ type: z.literal('tweet_changed'), v: version, tweet_id: id }),
  /** Registered, or their name, bio, verification, presence or number of followers is another. */
  z.object({ type: z.literal('user_changed'), v: version, user_id: id }),
  /**
   * Whether everybody may read what an author wrote is another: of all their tweets, step by step, below an id.
   * `revision` is the author's, by that change.
   */
  z.object({
    type: z.literal('tweets_of_changed'),
    v: version,
    user_id: id,
    before_id: id.nullable(),
    revision: z.number().int().positive(),
  }),
  /** The index is built anew, step by step, the oldest first: all people above an id, and then all tweets. */
  z.object({
    type: z.literal('reindex'),
    v: version,
    of: z.enum(['people', 'tweets']),
    after_id: z.number().int().nonnegative(),
  }),
])
export type SearchEvent = z.infer<typeof searchEvent>

export const searchMessage = z.object({ outbox_id: id, event: searchEvent })
export type SearchMessage = z.infer<typeof searchMessage>

/** The queues that an outbox row can name. */
export const QUEUES = ['fan-out', 'engagement', 'notifications', 'pushes', 'exports', 'search'] as const
export type QueueName = (typeof QUEUES)[number]

/** A row of the outbox as the write that committed it returns it. */
export interface OutboxRow {
  id: number
  queue: QueueName
  message: unknown
}
