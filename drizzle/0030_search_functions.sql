-- What is searched for and what is found are folded alike: without case and marks, so that "co phieu" finds "Cổ phiếu",
-- and without punctuation, so that "VNM" finds "$VNM". It needs no extension, and as it never changes, an index may hold it.
create function app.search_words(body text) returns text
  language sql immutable strict parallel safe
  return btrim(regexp_replace(
    translate(lower(regexp_replace(normalize(body, nfkd), '[\u0300-\u036f]+', '', 'g')), 'đĐ', 'dd'),
    '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\ufe00-\ufe0f\U0001f000-\U0001faff]+',
    ' ', 'g'));--> statement-breakpoint
-- A word as it stands in the index: with its conversation before it, and not longer than a word is.
create function app.search_term(conversation uuid, word text) returns text
  language sql immutable strict parallel safe
  return 'z' || right(conversation::text, 6) || left(word, 32);--> statement-breakpoint
create function app.search_terms(conversation uuid, body text) returns tsvector
  language sql immutable strict parallel safe
  return array_to_tsvector(string_to_array(substr(replace(
    regexp_replace(' ' || nullif(app.search_words(body), ''), '(\S{32})\S+', '\1', 'g'),
    ' ', ' z' || right(conversation::text, 6)), 2), ' '));--> statement-breakpoint
revoke execute on function app.search_words(text) from public;--> statement-breakpoint
revoke execute on function app.search_term(uuid, text) from public;--> statement-breakpoint
revoke execute on function app.search_terms(uuid, text) from public;--> statement-breakpoint
grant execute on function app.search_words(text) to frm_app, frm_system;--> statement-breakpoint
grant execute on function app.search_term(uuid, text) to frm_app;--> statement-breakpoint
grant execute on function app.search_terms(uuid, text) to frm_app, frm_system;
