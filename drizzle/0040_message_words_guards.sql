alter table app.message_words force row level security;--> statement-breakpoint
alter table app.search_states force row level security;--> statement-breakpoint
grant select (conversation_id, message_seq), insert, delete on app.message_words to frm_system;--> statement-breakpoint
grant select, insert, update (indexed_seq) on app.search_states to frm_system;--> statement-breakpoint
insert into app.message_words (conversation_id, message_seq, message_id, created_at, words)
  select m.conversation_id, m.seq, m.id, m.created_at, app.search_terms(m.conversation_id, m.body)
  from app.messages m where m.deleted_at is null and app.search_words(m.body) <> '';--> statement-breakpoint
insert into app.search_states (conversation_id, indexed_seq)
  select m.conversation_id, max(m.seq) from app.messages m group by m.conversation_id;--> statement-breakpoint
-- Puts what a message says now in the place of what it said before, if the index has come to it, in the transaction that
-- changes it: nothing of a message that is taken back can be found. The row of the state is locked first, as whoever makes
-- the index does, so that it either sees the change or has made the row that is replaced here. It runs as its owner
-- because nobody who serves changes the index, and it does so in conversations of the acting user alone.
create function app.index_message(conversation uuid, at bigint) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
  as $$
    insert into app.search_states (conversation_id)
      select conversation where app.conversation_role(conversation) is not null on conflict do nothing;
    select from app.search_states s where s.conversation_id = conversation for update;
    delete from app.message_words w where w.conversation_id = conversation and w.message_seq = at;
    insert into app.message_words (conversation_id, message_seq, message_id, created_at, words)
      select m.conversation_id, m.seq, m.id, m.created_at, app.search_terms(m.conversation_id, m.body)
      from app.messages m join app.search_states s on s.conversation_id = m.conversation_id
      where m.conversation_id = conversation and m.seq = at and m.seq <= s.indexed_seq and m.deleted_at is null
        and app.conversation_role(conversation) is not null and app.search_words(m.body) <> '';
  $$;--> statement-breakpoint
-- As before, by the index of its own. What it has not come to yet is read one by one, so that everything is found as soon
-- as it is said.
create or replace function app.find_messages(
  conversation uuid, words text[], stem text, phrases text[], excluded text[],
  sender uuid, since timestamptz, until timestamptz, newest uuid, amount integer
) returns table (conversation_id uuid, seq bigint)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select f.conversation_id, f.seq from app.conversation_members cm
    cross join lateral (
      select array_to_string(
        array(select '''' || app.search_term(cm.conversation_id, w) || '''' from unnest(words) w)
        || ('''' || app.search_term(cm.conversation_id, stem) || ''':*'), ' & ')::tsquery as terms
    ) q
    cross join lateral (
      select m.conversation_id, m.seq, m.id from (
        -- Sorted before what is slow is asked, which so ends at the last one that is wanted.
        select h.seq, h.id from (
          (select w.message_seq as seq, w.message_id as id, w.created_at, w.conversation_id
           from app.message_words w where w.words @@ q.terms offset 0)
          union all
          select m.seq, m.id, m.created_at, m.conversation_id from app.messages m
          where m.conversation_id = cm.conversation_id and m.deleted_at is null
            and m.seq > coalesce((
              select s.indexed_seq from app.search_states s where s.conversation_id = cm.conversation_id), 0)
            and app.search_terms(m.conversation_id, m.body) @@ q.terms
        ) h
        where h.conversation_id = cm.conversation_id and h.seq >= cm.visible_from
          and (since is null or h.created_at >= since) and (until is null or h.created_at < until)
          and (newest is null or h.id <= newest)
        order by h.id desc offset 0
      ) h
      cross join lateral (
        select m.conversation_id, m.seq, m.id, m.body, m.sender_id from app.messages m
        where m.conversation_id = cm.conversation_id and m.seq = h.seq and m.deleted_at is null offset 0
      ) m
      where (sender is null or m.sender_id = sender)
        and (phrases = '{}' or (select bool_and(' ' || app.search_words(m.body) || ' ' like p) from unnest(phrases) p))
        and (excluded = '{}' or not (select bool_or(' ' || app.search_words(m.body) || ' ' like p) from unnest(excluded) p))
      order by h.id desc limit amount
    ) f
    where cm.user_id = app.user_id() and cm.left_seq is null
      and (conversation is null or cm.conversation_id = conversation)
    order by f.id desc limit amount
  $$;--> statement-breakpoint
revoke execute on function app.index_message(uuid, bigint) from public;--> statement-breakpoint
grant execute on function app.index_message(uuid, bigint) to frm_app;
