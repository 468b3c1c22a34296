import { WorkerEntrypoint } from 'cloudflare:workers'
import type {
  HashtagHits,
  IndexChanges,
  NameSearch,
  PeopleHits,
  SearchRpc,
  TweetHits,
  TweetSearch,
} from '../contracts/search.ts'
import { hashtagSearch, indexed, nameSearch, removed, tweetSearch } from './messages.ts'
import { indexOf, type SearchEnv } from './ranges.ts'
import { searchHashtags } from './search-hashtags.ts'
import { searchTweets } from './search-tweets.ts'
import { searchUsers } from './search-users.ts'
import { writeChanges } from './write-changes.ts'

/** RPC: the index of what everybody may read. */
export class Search extends WorkerEntrypoint<SearchEnv> implements SearchRpc {
  async index(changes: Pick<IndexChanges, 'tweets' | 'people'>): Promise<void> {
    await writeChanges(indexOf(this.env), { removedTweets: [], removedPeople: [], ...indexed.parse(changes) })
  }

  async remove(changes: Pick<IndexChanges, 'removedTweets' | 'removedPeople'>): Promise<void> {
    await writeChanges(indexOf(this.env), { tweets: [], people: [], ...removed.parse(changes) })
  }

  async searchTweets(search: TweetSearch): Promise<TweetHits> {
    return searchTweets(indexOf(this.env), tweetSearch.parse(search))
  }

  async searchUsers(search: NameSearch): Promise<PeopleHits> {
    return searchUsers(indexOf(this.env), nameSearch.parse(search))
  }

  async searchHashtags(search: Omit<NameSearch, 'after'>): Promise<HashtagHits> {
    return searchHashtags(indexOf(this.env), hashtagSearch.parse(search))
  }
}

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler<SearchEnv>
