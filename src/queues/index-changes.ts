import type { IndexChanges, PersonDocument, Removal, TweetDocument } from '../contracts/search.ts'
import type { Searchable, SearchablePerson, SearchableTweet } from '../db/statements/searchable.ts'
import { foldTag } from '../domain/tweet-text.ts'

/** More than any row is ever revised. After a restore revisions count anew: what is said then outranks what was said. */
const REVISIONS_PER_EPOCH = 2 ** 32

/**
 * What search is told of that which was found, and of that which was asked for and is not there. `databaseEpoch` names the
 * history of the database, 1 to 1,000,000.
 */
export function indexChangesOf(
  named: { tweets: readonly number[]; people: readonly number[] },
  found: Pick<Searchable, 'tweets' | 'people'>,
  databaseEpoch: number,
): IndexChanges {
  const versionOf = (revision: number) => databaseEpoch * REVISIONS_PER_EPOCH + revision
  const removalOf = ({ id, revision }: { id: number; revision: number }): Removal => {
    return { id, version: versionOf(revision) }
  }
  return {
    tweets: found.tweets.flatMap((tweet) => tweetDocument(tweet, versionOf(tweet.revision)) ?? []),
    people: found.people.flatMap((person) => personDocument(person, versionOf(person.revision)) ?? []),
    removedTweets: [...found.tweets.filter(isHidden), ...missingFrom(found.tweets, named.tweets)].map(
      removalOf,
    ),
    removedPeople: [...found.people.filter(isHidden), ...missingFrom(found.people, named.people)].map(
      removalOf,
    ),
  }
}

const isHidden = ({ shown }: { shown: object | null }) => shown === null

/** What is not there is gone for good: nothing that is said of it comes later. */
function missingFrom(found: readonly { id: number }[], named: readonly number[]) {
  const there = new Set(found.map(({ id }) => id))
  return named.filter((id) => !there.has(id)).map((id) => ({ id, revision: REVISIONS_PER_EPOCH - 1 }))
}

function tweetDocument({ id, shown }: SearchableTweet, version: number): TweetDocument | null {
  if (shown === null) return null
  return {
    id,
    version,
    authorId: shown.author_id,
    username: shown.username,
    content: shown.content,
    hashtags: [...new Set(shown.hashtags.map(foldTag))],
    mentions: [...new Set(shown.mentions)],
    replyTo: shown.reply_to,
    hasMedia: shown.has_media,
    isSensitive: shown.is_sensitive,
    engagement: shown.engagement,
  }
}

function personDocument({ id, shown }: SearchablePerson, version: number): PersonDocument | null {
  if (shown === null) return null
  return {
    id,
    version,
    username: shown.username,
    displayName: shown.display_name,
    bio: shown.bio,
    isVerified: shown.verified,
    followerCount: shown.follower_count,
  }
}
