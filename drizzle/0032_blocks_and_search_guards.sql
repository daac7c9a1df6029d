alter table app.blocks force row level security;--> statement-breakpoint
grant select, insert, delete on app.blocks to frm_app;--> statement-breakpoint
grant select, delete on app.blocks to frm_system;--> statement-breakpoint

-- Whether the acting user and another one have blocked each other, either of them. It runs as its owner because nobody
-- sees the blocks of others, and it never says whose block it is.
create function app.is_blocked(other uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select exists (select 1 from app.blocks b where b.blocker_id = app.user_id() and b.blocked_id = other)
      or exists (select 1 from app.blocks b where b.blocker_id = other and b.blocked_id = app.user_id())
  $$;--> statement-breakpoint
-- Gives both members of the acting user's conversation with another one the permissions that are left to them: none
-- while either blocks the other. It runs as its owner because nobody changes the row of somebody else.
create function app.settle_block(other uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
  as $$
    update app.conversation_members m set permissions = case when app.is_blocked(other) then 0 else 23 end
    from app.conversations c
    where c.direct_key = least(app.user_id(), other)::text || ':' || greatest(app.user_id(), other)::text
      and m.conversation_id = c.id
  $$;--> statement-breakpoint
-- The messages that the acting user may read and that hold all the words, the newest first, from `newest` on. It runs as
-- its owner because no index for words may be asked before a policy has let each row through; what it answers is where
-- they stand, and whoever reads them there is under the policies again.
create function app.find_messages(
  conversation uuid, words text[], stem text, phrases text[], excluded text[],
  sender uuid, since timestamptz, until timestamptz, newest uuid, amount integer
) returns table (conversation_id uuid, seq bigint)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select f.conversation_id, f.seq from app.conversation_members cm
    cross join lateral (
      select m.conversation_id, m.seq, m.id from (
        -- Sorted before what is slow is asked, which so ends at the last one that is wanted.
        select m.conversation_id, m.seq, m.id, m.body from (
          select m.conversation_id, m.seq, m.id, m.body, m.sender_id, m.created_at, m.deleted_at from app.messages m
          where app.search_terms(m.conversation_id, m.body) @@ array_to_string(
            array(select '''' || app.search_term(cm.conversation_id, w) || '''' from unnest(words) w)
            || ('''' || app.search_term(cm.conversation_id, stem) || ''':*'), ' & ')::tsquery
          offset 0
        ) m
        where m.conversation_id = cm.conversation_id and m.seq >= cm.visible_from and m.deleted_at is null
          and (sender is null or m.sender_id = sender)
          and (since is null or m.created_at >= since) and (until is null or m.created_at < until)
          and (newest is null or m.id <= newest)
        order by m.id desc offset 0
      ) m
      where (phrases = '{}' or (select bool_and(' ' || app.search_words(m.body) || ' ' like p) from unnest(phrases) p))
        and (excluded = '{}' or not (select bool_or(' ' || app.search_words(m.body) || ' ' like p) from unnest(excluded) p))
      limit amount
    ) f
    where cm.user_id = app.user_id() and cm.left_seq is null
      and (conversation is null or cm.conversation_id = conversation)
    order by f.id desc limit amount
  $$;--> statement-breakpoint
revoke execute on function app.is_blocked(uuid) from public;--> statement-breakpoint
revoke execute on function app.settle_block(uuid) from public;--> statement-breakpoint
revoke execute on function app.find_messages(uuid, text[], text, text[], text[], uuid, timestamptz, timestamptz, uuid, integer) from public;--> statement-breakpoint
grant execute on function app.is_blocked(uuid) to frm_app;--> statement-breakpoint
grant execute on function app.settle_block(uuid) to frm_app;--> statement-breakpoint
grant execute on function app.find_messages(uuid, text[], text, text[], text[], uuid, timestamptz, timestamptz, uuid, integer) to frm_app;
