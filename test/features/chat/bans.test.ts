import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

/** Processes start slowly where others are at work. */
const START_MS = 90_000;

let cluster: Cluster;
let server: Instance;
let lan: Person;
let minh: Person;
let hoa: Person;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  server = await cluster.start();
  [lan, minh, hoa] = (await Promise.all(
    ["Lan", "Minh", "Hoa"].map((name) => signUp(server.url, name)),
  )) as [Person, Person, Person];
}, START_MS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function openGroup(name = "VN30"): Promise<string> {
  const memberIds = [minh.id, hoa.id];
  return converse(server.url, lan.token, { kind: "group", name, memberIds });
}
interface Asked {
  method: string;
  as: Person;
  group: string;
  of: Person;
}
function ask(list: "members" | "bans", { method, as, group, of }: Asked): Promise<Answer> {
  const url = `${server.url}/v1/conversations/${group}/${list}/${of.id}`;
  return call(method, url, { token: as.token });
}
function outcomeOf({ status, body }: Answer): string {
  return status < 300 ? String(status) : `${status} ${String(body["code"])}`;
}
async function listed(as: Person, group: string): Promise<string[]> {
  const url = `${server.url}/v1/conversations/${group}/bans`;
  const { body } = await call("GET", url, { token: as.token });
  return (body["items"] as { userId: string }[]).map(({ userId }) => userId);
}

test("nobody brings in who is barred, the owner included, until the ban is taken back", async () => {
  const group = await openGroup();
  const about = { as: lan, group, of: minh };
  const member = (method: string) => ask("members", { ...about, method });
  const ban = (method: string) => ask("bans", { ...about, method });
  expect(outcomeOf(await ban("PUT"))).toBe("409 still_member");
  await member("DELETE");
  expect(outcomeOf(await ban("PUT"))).toBe("204");
  expect(outcomeOf(await ban("PUT"))).toBe("204");
  expect(await listed(lan, group)).toEqual([minh.id]);
  expect(outcomeOf(await member("PUT"))).toBe("403 barred");
  expect(outcomeOf(await ban("DELETE"))).toBe("204");
  expect(outcomeOf(await ban("DELETE"))).toBe("204");
  expect(outcomeOf(await member("PUT"))).toBe("204");
  expect(await listed(lan, group)).toEqual([]);
});

test("a plain member neither bars nor sees who is barred, and a ban counts in its own group alone", async () => {
  const [group, other] = await Promise.all([openGroup(), openGroup("Other")]);
  const removal = { method: "DELETE", as: lan, of: minh };
  await ask("members", { ...removal, group });
  await ask("members", { ...removal, group: other });
  expect(outcomeOf(await ask("bans", { method: "PUT", as: hoa, group, of: minh }))).toBe(
    "403 forbidden",
  );
  await ask("bans", { method: "PUT", as: lan, group, of: minh });
  const url = `${server.url}/v1/conversations/${group}/bans`;
  expect(outcomeOf(await call("GET", url, { token: hoa.token }))).toBe("403 forbidden");
  expect(outcomeOf(await call("GET", url, { token: minh.token }))).toBe("404 not_found");
  const adding = { method: "PUT", as: lan, of: minh };
  expect(outcomeOf(await ask("members", { ...adding, group: other }))).toBe("204");
  expect(outcomeOf(await ask("members", { ...adding, group }))).toBe("403 barred");
});

test("whoever is brought in and barred at the same time is one of the two", async () => {
  for (let round = 0; round < 6; round += 1) {
    const group = await openGroup();
    const about = { as: lan, group, of: minh };
    await ask("members", { ...about, method: "DELETE" });
    const both = await Promise.all([
      ask("members", { ...about, method: "PUT" }),
      ask("bans", { ...about, method: "PUT" }),
    ]);
    const outcomes = both.map(outcomeOf).join();
    expect(["204,409 still_member", "403 barred,204"]).toContain(outcomes);
  }
});

test("one's conversations are found by words of their names, or of the other person's", async () => {
  const reader = await signUp(server.url, "Nguyễn Thị Đào");
  const others = [await signUp(server.url, "Trần Văn Cổ"), await signUp(server.url, "Lê Hoàng")];
  const direct = await converse(server.url, reader.token, {
    kind: "direct",
    userId: others[0]?.id,
  });
  const open = (name: string, person = reader) =>
    converse(server.url, person.token, { kind: "group", name, memberIds: [] });
  const stocks = await open("Nhóm Cổ phiếu");
  await open("Trái phiếu");
  await open("Cổ phiếu của Lan", lan);
  const find = async (q: string) => {
    const query = new URLSearchParams({ q });
    const { body } = await call("GET", `${server.url}/v1/conversations?${query.toString()}`, {
      token: reader.token,
    });
    return (body["items"] as { id: string }[]).map(({ id }) => id);
  };
  expect(await find("co phieu")).toEqual([stocks]);
  expect((await find("CỔ")).toSorted()).toEqual([direct, stocks].toSorted());
  expect(await find("tran van")).toEqual([direct]);
  // Not by one's own name, which stands above no conversation of one's own.
  expect(await find("dao")).toEqual([]);
  expect(await find("phieu")).toHaveLength(2);
  expect(await find("hieu")).toEqual([]);
  expect(await find("%")).toEqual([]);
});
