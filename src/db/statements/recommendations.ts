import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { Relationship } from '../../contracts/http/users.ts'
import { idFloor, type UserId } from '../../domain/ids.ts'
import type { Reason } from '../../domain/recommendation-reason.ts'
import { type Db, query } from '../client.ts'
import { viewerRefusal } from './engagement.ts'
import type { UserCardRow } from './profile-columns.ts'
import { userRecord } from './tweet-columns.ts'
import { relationshipRecord, whichUser } from './users.ts'
import { isPresent, NOBODY, noBlockBetween, notMutedBy } from './visibility.ts'

const DAY_MS = 86_400_000

/** Of those the viewer follows, so many of the newest are asked whom they follow, each for so many of their newest. */
const FOLLOWEES_ASKED = 200
const FOLLOWINGS_OF_EACH = 100
/** So many with the most mutuals are looked at: whether they may be recommended, and when they last posted. */
const FRIENDS_LOOKED_AT = 400
/** The viewer's newest tweets and newest likes, whose hashtags are their interests. */
const ACTS_LOOKED_AT = 50
const TAGS_MAX = 10
const TWEETS_OF_EACH_TAG = 50
/** Lately: how far back tweets count as interests, and as a sign that somebody is active. */
const LATELY_DAYS = 30
const ACTIVE_DAYS = 7
/** Where the graph is sampled for who is popular, and how many follows are read at each place. */
const SAMPLES = 40
const FOLLOWS_OF_EACH_SAMPLE = 50

export interface RecommendedRow {
  user: UserCardRow
  relationship: Relationship
  type: Reason
  /** How many of those who were asked follow them, and the two of them whom the viewer followed last. */
  mutuals: number
  mutual_users: UserCardRow[]
  /** The hashtag that led to them. */
  tag: string | null
}

/** The user `u` may be recommended to the viewer: probes of primary keys. Who is private only where a mutual knows them. */
function mayBeRecommended(viewer: UserId, isKnown: SQL): SQL {
  const none = (rows: SQL) => sql`(select count(*) from ${rows}) = 0`
  return sql`(
        u.id <> ${viewer} and ${isPresent} and (not u.is_private or ${isKnown})
        and ${none(sql`follows f where f.follower_id = ${viewer} and f.following_id = u.id`)}
        and ${none(sql`follow_requests r where r.requester_id = ${viewer} and r.target_id = u.id`)}
        and ${none(sql`blocks b where b.blocker_id = ${viewer} and b.blocked_id = u.id`)}
        and ${none(sql`blocks b where b.blocker_id = u.id and b.blocked_id = ${viewer}`)}
        and ${none(sql`mutes m where m.muter_id = ${viewer} and m.muted_id = u.id
                         and (m.expires_at is null or m.expires_at > now())`)}
        and ${none(sql`dismissed_recommendations d where d.user_id = ${viewer} and d.dismissed_id = u.id`)})`
}

/**
 * Whom a viewer might follow, the best first, or null where there is no such viewer. Three sources, each where those before
 * it do not fill the page:
 *
 * 1. whom those follow whom the viewer follows, by the number of these *mutuals*, doubled for who posted within a week and
 *    halved for who did not within a month;
 * 2. authors of tweets of a month with the hashtags that the viewer used or liked last, by followers (their logarithm) and by how
 *    many such tweets they wrote, five at most;
 * 3. those with the most followers of a sample of the graph: of follows read at evenly spread places, where whoever is
 *    followed by many is met by chance as often as they are followed.
 *
 * One statement of bounded work, whoever asks: at most 200 followees, 20,000 of their follows and as many probes of the viewer's
 * own, 400 of those people looked at; 100 acts, 10 hashtags, 500 tweets; 2,000 sampled follows. So mutuals are
 * counted among the newest 200 followees. `idx_follows_follower_id`, `idx_tweets_user_created`, `idx_likes_user_id` and
 * `idx_tweet_hashtags_hashtag_id` give what is newest; tweets are looked up in the partitions of a month alone.
 */
export async function readRecommendations(
  db: Db,
  viewer: UserId,
  asked: { nowMs: number; limit: number },
): Promise<RecommendedRow[] | null> {
  const rows = await query<{ recommended: RecommendedRow | null }>(db, recommendationsTo(viewer, asked))
  if (rows.length === 0) return null
  return rows.flatMap(({ recommended }) => (recommended === null ? [] : [recommended]))
}

/** The select of it: a row of `recommended` each, one of null where there is nobody, none where there is no such viewer. */
export function recommendationsTo(viewer: UserId, { nowMs, limit }: { nowMs: number; limit: number }): SQL {
  return sql`
    with ${friendsOfFriends(viewer, nowMs, limit)}, ${alikeInInterests(viewer, nowMs, limit)}, ${popular(viewer, limit)},
    ranked as (
      select distinct on (id) id, source, score, mutuals, mutual_ids, tag
      from (
        select id, 1 as source, score, mutuals, mutual_ids, null as tag from friends
        union all
        select id, 2, score, 0, null, tag from alike
        union all
        select id, 3, follower_count, 0, null, null from popular) found
      order by id, source
    )
    select case when u.id is not null then json_build_object(
             'user', ${userRecord('u')},
             'relationship', ${relationshipRecord(viewer)},
             'type', (array['followed_by', 'interests', 'popular'])[page.source],
             'mutuals', page.mutuals,
             'mutual_users', coalesce((
               select json_agg(${userRecord('r')} order by place)
               from unnest(page.mutual_ids) with ordinality as mutual(id, place)
               join users r on r.id = mutual.id), '[]'),
             'tag', page.tag) end as recommended
    from users me
    left join (select * from ranked order by source, score desc, id limit ${limit}) page on true
    left join users u on u.id = page.id
    where me.id = ${viewer} and me.is_active
    order by page.source, page.score desc, page.id`
}

/** The same of who is popular, for a reader who is signed out. */
export function popularPeople(limit: number): SQL {
  const viewer = NOBODY as UserId
  const none = sql`select null::bigint as id where false`
  return sql`
    with friends as (${none}), alike as (${none}), ${popular(viewer, limit)}
    select json_build_object(
             'user', ${userRecord('u')}, 'relationship', ${relationshipRecord(viewer)}, 'type', 'popular',
             'mutuals', 0, 'mutual_users', '[]'::json, 'tag', null) as recommended
    from (select * from popular order by follower_count desc, id limit ${limit}) page
    join users u on u.id = page.id
    order by page.follower_count desc, page.id`
}

/** The CTE `friends`, whom those follow whom the viewer follows, and what it needs. */
function friendsOfFriends(viewer: UserId, nowMs: number, limit: number): SQL {
  const end = idFloor(nowMs + DAY_MS)
  const postedWithin = (days: number) => sql`(
          select count(*)
          from (select from tweets t
                where t.user_id = u.id and t.is_deleted = false
                  and t.id >= ${idFloor(nowMs - days * DAY_MS)}::bigint and t.id < ${end}::bigint
                limit 1) t) > 0`
  return sql`asked as materialized (
      select f.following_id as id, row_number() over (order by f.created_at desc, f.following_id desc) as place
      from (select following_id, created_at
            from follows
            where follower_id = ${viewer}
            order by created_at desc, following_id desc
            limit ${FOLLOWEES_ASKED}) f
      join users u on u.id = f.following_id
      where ${isPresent} and ${noBlockBetween(viewer, sql`u.id`)} and ${notMutedBy(viewer, sql`u.id`)}
    ), known as materialized (
      select theirs.following_id as id, count(*)::int as mutuals,
             (array_agg(asked.id order by asked.place))[1:2] as mutual_ids
      from asked
      cross join lateral (
        select following_id
        from follows
        where follower_id = asked.id
        order by created_at desc, following_id desc
        limit ${FOLLOWINGS_OF_EACH}) theirs
      group by theirs.following_id
    ), looked_at as materialized (
      select known.*
      from known
      where (select count(*) from follows f where f.follower_id = ${viewer} and f.following_id = known.id) = 0
      order by known.mutuals desc, known.id
      limit ${FRIENDS_LOOKED_AT}
    ), friends as materialized (
      select l.id, l.mutuals, l.mutual_ids,
             l.mutuals * case when ${postedWithin(ACTIVE_DAYS)} then 2 when ${postedWithin(LATELY_DAYS)} then 1 else 0.5 end
               as score
      from looked_at l
      join users u on u.id = l.id
      where ${mayBeRecommended(viewer, sql`true`)}
      order by score desc, l.id
      limit ${limit}
    )`
}

/** The CTE `alike`, who tweets about what the viewer does and likes, and what it needs. */
function alikeInInterests(viewer: UserId, nowMs: number, limit: number): SQL {
  const since = idFloor(nowMs - LATELY_DAYS * DAY_MS)
  const end = idFloor(nowMs + DAY_MS)
  return sql`interests as materialized (
      select th.hashtag_id, count(*) as uses
      from (
        (select id
         from tweets
         where user_id = ${viewer} and is_deleted = false and id >= ${since}::bigint and id < ${end}::bigint
         order by id desc
         limit ${ACTS_LOOKED_AT})
        union all
        (select tweet_id
         from likes
         where user_id = ${viewer} and created_at > now() - make_interval(days => ${LATELY_DAYS})
         order by created_at desc, tweet_id desc
         limit ${ACTS_LOOKED_AT})) acts
      join tweet_hashtags th on th.tweet_id = acts.id
      where (select count(*) from friends) < ${limit}
      group by th.hashtag_id
      order by uses desc, th.hashtag_id
      limit ${TAGS_MAX}
    ), about as materialized (
      select found.tweet_id, min(found.hashtag_id) as hashtag_id
      from interests i
      cross join lateral (
        select th.tweet_id, th.hashtag_id
        from tweet_hashtags th
        where th.hashtag_id = i.hashtag_id and th.tweet_id >= ${since}::bigint and th.tweet_id < ${end}::bigint
        order by th.tweet_id desc
        limit ${TWEETS_OF_EACH_TAG}) found
      group by found.tweet_id
    ), alike as materialized (
      select u.id, ln(2 + u.follower_count) * least(count(*), 5) as score,
             (select h.tag from hashtags h where h.id = min(about.hashtag_id)) as tag
      from about
      cross join lateral tweet_by_id(about.tweet_id) t
      join users u on u.id = t.user_id
      where not t.is_deleted and ${mayBeRecommended(viewer, sql`false`)}
      group by u.id
      order by score desc, u.id
      limit ${2 * limit}
    )`
}

/** The CTE `popular`, those with the most followers of a sample of the graph, and what it needs. */
function popular(viewer: UserId, limit: number): SQL {
  return sql`sampled as materialized (
      select distinct edge.following_id as id
      from (select min(id) as first, max(id) as last from users) ids
      cross join generate_series(0, ${SAMPLES - 1}) n
      cross join lateral (
        select following_id
        from follows
        where follower_id >= ids.first + (ids.last - ids.first) * n / ${SAMPLES}
        order by follower_id, following_id
        limit ${FOLLOWS_OF_EACH_SAMPLE}) edge
      where (select count(*) from (select id from friends union select id from alike) found) < ${limit}
    ), popular as materialized (
      select u.id, u.follower_count
      from sampled
      join users u on u.id = sampled.id
      where ${mayBeRecommended(viewer, sql`false`)}
      order by u.follower_count desc, u.id
      limit ${2 * limit}
    )`
}

export type Dismissed = 'done' | 'unauthenticated' | 'suspended' | 'user_not_found'

/** Has somebody recommended to the viewer no more; again does nothing. */
export async function insertDismissal(db: Db, viewer: UserId, user: UserRef): Promise<Dismissed> {
  const [row] = await query<{ outcome: Dismissed }>(
    db,
    sql`
    with target as materialized (
      select u.id from users u where ${whichUser(user)} and ${isPresent}
    ), gate as materialized (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'user_not_found' end)
        as refusal
    ), dismissed as (
      insert into dismissed_recommendations (user_id, dismissed_id)
      select ${viewer}::bigint, target.id from target, gate where gate.refusal is null
      on conflict do nothing
    )
    select coalesce(refusal, 'done') as outcome from gate`,
  )
  if (row === undefined) throw new Error('Dismissing answered no row')
  return row.outcome
}
