CREATE TABLE "conversations" (
	"user_id" bigint NOT NULL,
	"other_id" bigint NOT NULL,
	"last_message_id" bigint,
	"unread_count" integer DEFAULT 0 NOT NULL,
	"is_accepted" boolean NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversations_user_id_other_id_pk" PRIMARY KEY("user_id","other_id")
);
--> statement-breakpoint
CREATE TABLE "muted_conversations" (
	"user_id" bigint NOT NULL,
	"conversation_id" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "muted_conversations_user_id_conversation_id_pk" PRIMARY KEY("user_id","conversation_id")
);
--> statement-breakpoint
CREATE TABLE "muted_words" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "muted_words_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" bigint NOT NULL,
	"phrase" varchar(100) NOT NULL,
	"folded" text NOT NULL,
	"expires_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "muted_words_once" UNIQUE("user_id","folded")
);
--> statement-breakpoint
CREATE TABLE "notification_groups" (
	"user_id" bigint NOT NULL,
	"type" varchar(50) NOT NULL,
	"tweet_id" bigint,
	"day" date,
	"latest_id" bigint NOT NULL,
	"latest_at" timestamp with time zone NOT NULL,
	"total" integer NOT NULL,
	"actor_ids" bigint[] NOT NULL,
	CONSTRAINT "notification_groups_once" UNIQUE NULLS NOT DISTINCT("user_id","type","tweet_id","day")
);
--> statement-breakpoint
CREATE TABLE "notification_inboxes" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"unread_count" integer DEFAULT 0 NOT NULL,
	"read_up_to_id" bigint DEFAULT 0 NOT NULL,
	"version" bigint DEFAULT 0 NOT NULL,
	"preferences" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "push_subscriptions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "push_subscriptions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" bigint NOT NULL,
	"session_id" uuid NOT NULL,
	"endpoint" text NOT NULL,
	"p256dh" text NOT NULL,
	"auth" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "push_subscriptions_endpoint_unique" UNIQUE("endpoint")
);
--> statement-breakpoint
DROP INDEX "idx_notifications_is_read";--> statement-breakpoint
DROP INDEX "idx_notifications_user_id";--> statement-breakpoint
DROP INDEX "notifications_tweet_id";--> statement-breakpoint
ALTER TABLE "direct_messages" ADD COLUMN "hidden_by_sender" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "direct_messages" ADD COLUMN "hidden_by_receiver" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "withdrawn_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "allow_messages_from" text DEFAULT 'everyone' NOT NULL;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_other_id_users_id_fk" FOREIGN KEY ("other_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "muted_conversations" ADD CONSTRAINT "muted_conversations_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "muted_words" ADD CONSTRAINT "muted_words_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notification_groups" ADD CONSTRAINT "notification_groups_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notification_inboxes" ADD CONSTRAINT "notification_inboxes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "push_subscriptions" ADD CONSTRAINT "push_subscriptions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "push_subscriptions" ADD CONSTRAINT "push_subscriptions_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "conversations_latest" ON "conversations" USING btree ("user_id","is_accepted","last_message_id") WHERE last_message_id is not null;--> statement-breakpoint
CREATE INDEX "muted_words_expire" ON "muted_words" USING btree ("expires_at") WHERE expires_at is not null;--> statement-breakpoint
CREATE INDEX "notification_groups_latest" ON "notification_groups" USING btree ("user_id","type","latest_id") WHERE total > 0;--> statement-breakpoint
CREATE INDEX "push_subscriptions_user_id" ON "push_subscriptions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "push_subscriptions_session_id" ON "push_subscriptions" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "follows_notify" ON "follows" USING btree ("following_id","follower_id") WHERE notify;--> statement-breakpoint
CREATE INDEX "notifications_withdrawn" ON "notifications" USING btree ("withdrawn_at") WHERE withdrawn_at is not null;--> statement-breakpoint
CREATE INDEX "notifications_withdrawn_of_tweet" ON "notifications" USING btree ("tweet_id","withdrawn_at") WHERE tweet_id is not null and withdrawn_at is not null;--> statement-breakpoint
CREATE INDEX "idx_notifications_user_id" ON "notifications" USING btree ("user_id","type","id") WHERE withdrawn_at is null;--> statement-breakpoint
CREATE INDEX "notifications_tweet_id" ON "notifications" USING btree ("tweet_id","type","id") WHERE tweet_id is not null and withdrawn_at is null;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_once" UNIQUE NULLS NOT DISTINCT("user_id","type","tweet_id","actor_id");--> statement-breakpoint
ALTER TABLE "direct_messages" ADD CONSTRAINT "no_message_to_self" CHECK ("direct_messages"."sender_id" <> "direct_messages"."receiver_id");--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_type" CHECK ("notifications"."type" in ('like', 'retweet', 'quote', 'reply', 'mention', 'follow', 'follow_request', 'poll', 'tweet'));--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_allow_messages_from" CHECK ("users"."allow_messages_from" in ('everyone', 'following', 'nobody'));