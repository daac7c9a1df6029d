import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

interface Found {
  conversationId: string;
  message: { id: string; body: string; seq: number; senderId: string };
  snippet: { text: string; offset: number; marks: { start: number; end: number }[] };
  exact: boolean;
}

/** Processes start slowly where others are at work. */
const START_MS = 90_000;

let cluster: Cluster;
let server: Instance;
let lan: Person;
let minh: Person;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  // Everybody says more here than people can.
  server = await cluster.start({ LIMITS_SCALE: "1000" });
  [lan, minh] = await Promise.all([signUp(server.url, "Lan"), signUp(server.url, "Minh")]);
}, START_MS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function openGroup(...others: Person[]): Promise<string> {
  const memberIds = others.map(({ id }) => id);
  return await converse(server.url, lan.token, { kind: "group", name: "VN30", memberIds });
}
async function say(person: Person, conversation: string, ...bodies: string[]): Promise<void> {
  for (const body of bodies) {
    const message = { clientId: crypto.randomUUID(), body };
    const url = `${server.url}/v1/conversations/${conversation}/messages`;
    const { status } = await call("POST", url, { token: person.token, body: message });
    if (status !== 201) throw new Error(`Cannot say "${body}": ${status}`);
  }
}
function ask(person: Person, query: Record<string, string | number>): Promise<Answer> {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) words.set(name, String(value));
  return call("GET", `${server.url}/v1/conversations/search?${words.toString()}`, {
    token: person.token,
  });
}
async function search(person: Person, query: Record<string, string | number>): Promise<Found[]> {
  const { status, body } = await ask(person, query);
  if (status !== 200) throw new Error(`Cannot search: ${status} ${JSON.stringify(body)}`);
  return body["items"] as Found[];
}
async function bodies(person: Person, query: Record<string, string | number>): Promise<string[]> {
  return (await search(person, query)).map(({ message }) => message.body);
}

test("words without marks find those with them, and the other way round, whatever their case", async () => {
  const conversationId = await openGroup();
  const said = ["Cổ phiếu tăng mạnh", "CO PHIEU giam", "cỗ phiêu lưu", "Đầu tư dài hạn", "dau tu"];
  await say(lan, conversationId, ...said);
  const find = (q: string) => bodies(lan, { q, conversationId });
  expect(await find("co phieu")).toEqual([said[2], said[1], said[0]] as string[]);
  expect(await find("CỔ PHIẾU")).toEqual([said[2], said[1], said[0]] as string[]);
  expect(await find("dau tu")).toEqual([said[4], said[3]] as string[]);
  expect(await find("Đầu tư")).toEqual([said[4], said[3]] as string[]);
  expect(await find("trai phieu")).toEqual([]);
});

test("the best ones are first those with the marks that were typed, and say so", async () => {
  const conversationId = await openGroup();
  await say(lan, conversationId, "Cổ phiếu", "co phieu", "Mua cổ phiếu nào đó hôm nay", "cỗ phiêu");
  const found = await search(lan, { q: "cổ phiếu", conversationId, sort: "best" });
  expect(found.map(({ message, exact }) => [message.body, exact])).toEqual([
    ["Cổ phiếu", true],
    ["Mua cổ phiếu nào đó hôm nay", true],
    ["cỗ phiêu", false],
    ["co phieu", false],
  ]);
});

test("tickers and numbers are found with their signs and without", async () => {
  const conversationId = await openGroup();
  await say(lan, conversationId, "Mua $VNM giá 62.500đ", "vnm lên 5%", "VNMX không liên quan 625");
  const find = (q: string) => bodies(lan, { q, conversationId });
  expect(await find('"$VNM"')).toEqual(["vnm lên 5%", "Mua $VNM giá 62.500đ"]);
  expect(await find('"VNM"')).toEqual(["vnm lên 5%", "Mua $VNM giá 62.500đ"]);
  expect(await find("62.500")).toEqual(["Mua $VNM giá 62.500đ"]);
  expect(await find("giá 62,500")).toEqual(["Mua $VNM giá 62.500đ"]);
  expect(await find("62,5")).toEqual([]);
  expect(await find('"62.5"')).toEqual([]);
});

test("the last word may be a beginning; quotes hold words together; a minus keeps out", async () => {
  const conversationId = await openGroup();
  const said = ["ngân hàng nhà nước", "hàng về ngân khố", "ngan hang VCB", "nganh hang khong"];
  await say(lan, conversationId, ...said);
  const find = (q: string) => bodies(lan, { q, conversationId });
  expect(await find("nga")).toHaveLength(4);
  expect(await find("ng")).toEqual([]);
  expect(await find("ngan")).toHaveLength(4);
  expect(await find("ngan hang")).toEqual([said[2], said[1], said[0]] as string[]);
  expect(await find('"ngan hang"')).toEqual([said[2], said[0]] as string[]);
  expect(await find('"ngan hang" -vcb')).toEqual([said[0]] as string[]);
  expect(await find('hang -"ngan hang"')).toEqual([said[3], said[1]] as string[]);
  expect(await find('-vcb "nha" ngan')).toEqual([said[0]] as string[]);
});

test("nothing is found in conversations of others, before one's time, after one has left, or once deleted", async () => {
  const conversationId = await openGroup();
  await say(lan, conversationId, "bimat mot");
  const add = `${server.url}/v1/conversations/${conversationId}/members/${minh.id}`;
  expect(await bodies(minh, { q: "bimat" })).toEqual([]);
  await call("PUT", add, { token: lan.token });
  await say(lan, conversationId, "bimat hai", "bimat ba");
  expect(await bodies(minh, { q: "bimat" })).toEqual(["bimat ba", "bimat hai"]);
  await cluster.database.sql`update app.messages set body = '', deleted_at = now()
    where conversation_id = ${conversationId} and body = 'bimat ba'`;
  expect(await bodies(minh, { q: "bimat" })).toEqual(["bimat hai"]);
  await cluster.database.sql`update app.messages set body = 'lo ra roi', rev = 1
    where conversation_id = ${conversationId} and body = 'bimat hai'`;
  expect(await bodies(minh, { q: "bimat" })).toEqual([]);
  expect(await bodies(minh, { q: "lo ra" })).toEqual(["lo ra roi"]);
  await call("DELETE", add, { token: lan.token });
  expect(await bodies(minh, { q: "lo ra" })).toEqual([]);
  const within = await ask(minh, { q: "lo ra", conversationId });
  expect([within.status, within.body["code"]]).toEqual([404, "not_found"]);
});

test("pages follow each other without a gap or a double, by time and by fit, whatever is said meanwhile", async () => {
  const conversationId = await openGroup();
  const said = Array.from({ length: 7 }, (_, at) => `trang ${"x ".repeat(at % 3)}so ${at}`);
  await say(lan, conversationId, ...said);
  for (const sort of ["newest", "best"]) {
    const seen: string[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const more: Record<string, string> = cursor === undefined ? {} : { cursor };
      const { body } = await ask(lan, { q: "trang so", conversationId, sort, limit: 3, ...more });
      const { items, page } = body as unknown as {
        items: Found[];
        page: { nextCursor: string | null };
      };
      seen.push(...items.map(({ message }) => message.body));
      cursor = page.nextCursor;
      if (seen.length === 3) await say(lan, conversationId, `trang so ${sort}`);
    }
    const after = said.concat(sort === "best" ? ["trang so newest"] : []);
    expect(seen.toSorted()).toEqual(after.toSorted());
    if (sort === "newest") expect(seen).toEqual(said.toReversed());
  }
  const answer = await ask(lan, { q: "trang so", conversationId, limit: 3 });
  const { nextCursor } = answer.body["page"] as { nextCursor: string };
  const elsewhere = await ask(lan, { q: "trang", conversationId, limit: 3, cursor: nextCursor });
  expect([elsewhere.status, elsewhere.body["code"]]).toEqual([400, "invalid_cursor"]);
});

test("a search keeps to one sender and to a time", async () => {
  const conversationId = await openGroup(minh);
  await say(lan, conversationId, "loc cua lan");
  const between = new Date().toISOString();
  await say(minh, conversationId, "loc cua minh");
  const find = (more: object) => bodies(lan, { q: "loc", conversationId, ...more });
  expect(await find({ from: minh.id })).toEqual(["loc cua minh"]);
  expect(await find({ after: between })).toEqual(["loc cua minh"]);
  expect(await find({ before: between })).toEqual(["loc cua lan"]);
  expect(await find({ from: crypto.randomUUID() })).toEqual([]);
});

test("a snippet is plain text with the places of what was found, and splits no character", async () => {
  const conversationId = await openGroup();
  const body = `${"🙂 dài dòng ".repeat(40)}<b>Cổ phiếu</b> VNM${" 🙂🙂".repeat(100)}`;
  await say(lan, conversationId, body);
  const [found] = await search(lan, { q: "phieu", conversationId });
  const { text = "", offset = 0, marks = [] } = found?.snippet ?? {};
  expect(text.length).toBeLessThanOrEqual(160);
  expect(body.slice(offset, offset + text.length)).toBe(text);
  expect(text.isWellFormed()).toBe(true);
  expect(marks.map(({ start, end }) => text.slice(start, end))).toEqual(["phiếu"]);
  expect(text).toContain("<b>");
});

test("a query without a word is refused, and no query is taken for SQL or for a pattern", async () => {
  const conversationId = await openGroup();
  await say(lan, conversationId, "mot hai ba");
  for (const q of ["!!!", "-mot", '""', "🙂", Array.from({ length: 21 }, () => "a").join(" ")]) {
    const { status, body } = await ask(lan, { q, conversationId });
    expect([q, status, body["code"]]).toEqual([q, 422, "nothing_to_search"]);
  }
  for (const q of ["%", "m_t", "mot' | 'hai", "mot:* & !hai", "mot\\", "mot & (hai"]) {
    const { status } = await ask(lan, { q, conversationId });
    expect([200, 422]).toContain(status);
  }
  expect(await bodies(lan, { q: "m_t", conversationId })).toEqual([]);
  expect(await bodies(lan, { q: "m%t", conversationId })).toEqual([]);
  expect(await bodies(lan, { q: "mot%", conversationId })).toEqual(["mot hai ba"]);
});

test("a message is stored whatever its words are, the longest included", async () => {
  const conversationId = await openGroup();
  const long = "ă".repeat(4_000);
  await say(lan, conversationId, long, "🙂🙂🙂", "…", "ﷺ".repeat(4_000), "中文股票 很好");
  expect(await bodies(lan, { q: long.slice(0, 150), conversationId })).toEqual([long]);
  expect(await bodies(lan, { q: `"${long.slice(0, 150)}"`, conversationId })).toEqual([]);
  expect(await bodies(lan, { q: "中文股票", conversationId })).toEqual(["中文股票 很好"]);
});
