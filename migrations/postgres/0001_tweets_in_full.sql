CREATE TABLE "poll_options" (
	"tweet_id" bigint NOT NULL,
	"position" smallint NOT NULL,
	"text" varchar(25) NOT NULL,
	"vote_count" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "poll_options_tweet_id_position_pk" PRIMARY KEY("tweet_id","position"),
	CONSTRAINT "poll_options_position" CHECK ("poll_options"."position" between 0 and 3)
);
--> statement-breakpoint
CREATE TABLE "poll_votes" (
	"tweet_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"position" smallint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "poll_votes_tweet_id_user_id_pk" PRIMARY KEY("tweet_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "polls" (
	"tweet_id" bigint PRIMARY KEY NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "tweet_versions" (
	"tweet_id" bigint NOT NULL,
	"version" integer NOT NULL,
	"content" text NOT NULL,
	"entities" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "tweet_versions_tweet_id_version_pk" PRIMARY KEY("tweet_id","version")
);
--> statement-breakpoint
ALTER TABLE "tweets" ADD COLUMN "reply_to_user_id" bigint;--> statement-breakpoint
ALTER TABLE "tweets" ADD COLUMN "erased_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "poll_votes" ADD CONSTRAINT "poll_votes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "polls_open" ON "polls" USING btree ("ends_at") WHERE closed_at is null;--> statement-breakpoint
CREATE INDEX "bookmarks_tweet_id" ON "bookmarks" USING btree ("tweet_id","user_id");--> statement-breakpoint
CREATE INDEX "retweets_actors" ON "retweets" USING btree ("tweet_id","created_at","user_id");--> statement-breakpoint
CREATE INDEX "notifications_tweet_id" ON "notifications" USING btree ("tweet_id","id") WHERE tweet_id is not null;--> statement-breakpoint
CREATE INDEX "tweets_to_erase" ON "tweets" USING btree ("deleted_at") WHERE deleted_at is not null and erased_at is null;