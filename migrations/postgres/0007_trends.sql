CREATE TABLE "trend_buckets" (
	"kind" text NOT NULL,
	"term" text NOT NULL,
	"hour" integer NOT NULL,
	"accounts" integer NOT NULL,
	"tweets" integer NOT NULL,
	"engagement" integer NOT NULL,
	CONSTRAINT "trend_buckets_kind_term_hour_pk" PRIMARY KEY("kind","term","hour"),
	CONSTRAINT "trend_buckets_kind" CHECK ("trend_buckets"."kind" in ('hashtag', 'topic'))
);
--> statement-breakpoint
CREATE TABLE "trend_contributions" (
	"author_id" bigint NOT NULL,
	"hour" integer NOT NULL,
	"terms" jsonb NOT NULL,
	CONSTRAINT "trend_contributions_author_id_hour_pk" PRIMARY KEY("author_id","hour")
);
--> statement-breakpoint
CREATE TABLE "trend_marks" (
	"author_id" bigint PRIMARY KEY NOT NULL,
	"seq" bigserial NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"from_hour" integer
);
--> statement-breakpoint
CREATE TABLE "trending_tweets" (
	"tweet_id" bigint PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE INDEX "trend_buckets_top" ON "trend_buckets" USING btree ("kind","hour",("accounts" + "engagement") desc);--> statement-breakpoint
CREATE INDEX "trend_contributions_hour" ON "trend_contributions" USING btree ("hour");--> statement-breakpoint
CREATE INDEX "trend_marks_due" ON "trend_marks" USING btree ("due_at");--> statement-breakpoint
-- An author who becomes private, is suspended or deactivated counts for no trend any more; one who comes back does. Whatever
-- statement says so, an operator's too. Nothing else that is written to a user fires it: counters are other columns.
CREATE FUNCTION mark_trends_of_author() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO trend_marks (author_id, due_at) VALUES (new.id, now())
  ON CONFLICT (author_id) DO UPDATE SET seq = excluded.seq;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER users_mark_trends AFTER UPDATE OF is_private, is_active, suspended_at ON users FOR EACH ROW
WHEN ((old.is_private, old.is_active, old.suspended_at IS NULL) IS DISTINCT FROM (new.is_private, new.is_active, new.suspended_at IS NULL))
EXECUTE FUNCTION mark_trends_of_author();
--> statement-breakpoint
-- An author's tweets from an id on. For the reason of tweet_by_id: a fold, and what counts trends, know whose while they run.
CREATE FUNCTION tweets_since(author bigint, first bigint) RETURNS SETOF tweets
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 10
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY SELECT * FROM tweets WHERE user_id = author AND id >= first AND NOT is_deleted;
END
$$;
