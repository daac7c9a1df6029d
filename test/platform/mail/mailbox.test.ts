import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import PostalMime from "postal-mime";

import { composeLetter } from "../../../src/platform/mail/letter.ts";
import { createMailbox, listMailIds, readMail } from "../../../src/platform/mail/mailbox.ts";
import type { Mail } from "../../../src/platform/mail/mailer.ts";

const AT = new Date("2026-03-01T08:00:00Z");
const signal = new AbortController().signal;
let root = "";

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "frm-mailbox-"));
});
afterAll(async () => await rm(root, { recursive: true, force: true }));

function openMailbox(name: string) {
  const folder = join(root, name);
  const options = { folder, from: "FRM-AI <no-reply@example.com>", host: "example.com" };
  return { folder, mailbox: createMailbox({ ...options, now: () => AT }) };
}

function mailOf(id: string, changes: Partial<Mail> = {}): Mail {
  return {
    id,
    to: { name: 'Nguyễn Văn "A"', address: "a@example.com" },
    subject: "Chào bạn, giá $VCB ↑",
    text: "Dòng một\n\n.Dòng hai\n",
    html: "<p>Dòng một</p>",
    locale: "vi",
    ...changes,
  };
}

test("a delivered mail is one message that a mail program reads as it was written", async () => {
  const { folder, mailbox } = openMailbox("read");
  await mailbox.send(mailOf("m-1"), signal);
  const bytes = await readMail(folder, "m-1");
  const mail = await PostalMime.parse(bytes ?? new Uint8Array());
  expect(mail.subject).toBe("Chào bạn, giá $VCB ↑");
  expect(mail.to).toEqual([{ name: 'Nguyễn Văn "A"', address: "a@example.com" }]);
  expect(mail.text?.trim()).toBe("Dòng một\n\n.Dòng hai");
  expect(mail.html?.trim()).toBe("<p>Dòng một</p>");
  expect(mail.messageId).toBe("<m-1@example.com>");
  expect(mail.date).toBe("2026-03-01T08:00:00.000Z");
  expect(new TextDecoder().decode(bytes)).not.toMatch(/(?<!\r)\n/);
});

test("a mail that is sent again under its id is still one mail, and nothing else is left behind", async () => {
  const { folder, mailbox } = openMailbox("again");
  await Promise.all([1, 2, 3].map(() => mailbox.send(mailOf("m-2"), signal)));
  expect(await readdir(folder)).toEqual(["m-2.eml"]);
});

test("a name or subject with line breaks adds no header", async () => {
  const { folder, mailbox } = openMailbox("headers");
  const injected = "x\r\nBcc: victim@example.com";
  const to = { name: injected, address: "a@example.com" };
  await mailbox.send(mailOf("m-3", { subject: injected, to }), signal);
  const mail = await PostalMime.parse((await readMail(folder, "m-3")) ?? new Uint8Array());
  expect(mail.bcc ?? []).toEqual([]);
  expect(mail.to).toHaveLength(1);
});

test("an id that is no id touches no file", async () => {
  const { folder, mailbox } = openMailbox("escape");
  const refusal = await mailbox.send(mailOf("../m"), signal).catch(String);
  expect(refusal).toContain("not an id");
  expect(await readMail(folder, "../headers/m-3")).toBeUndefined();
  expect(await listMailIds(folder)).toEqual([]);
});

test("a mail whose time is up is not delivered", async () => {
  const { folder, mailbox } = openMailbox("late");
  const late = AbortSignal.abort(new Error("late"));
  expect(await mailbox.send(mailOf("m-4"), late).catch(String)).toContain("late");
  expect(await listMailIds(folder)).toEqual([]);
});

test("the mailbox keeps the newest thousand mails", async () => {
  const { folder, mailbox } = openMailbox("bounded");
  const ids = Array.from({ length: 1_001 }, (_, at) => `m-${String(at).padStart(4, "0")}`);
  await Promise.all(ids.slice(0, -1).map((id) => Bun.write(join(folder, `${id}.eml`), "")));
  await mailbox.send(mailOf(ids.at(-1) ?? ""), signal);
  const kept = await listMailIds(folder);
  expect(kept).toHaveLength(1_000);
  expect(kept[0]).toBe("m-1000");
  expect(kept).not.toContain("m-0000");
});

test("drafts that a kill left are removed after an hour, and younger ones and other files stay", async () => {
  const { folder, mailbox } = openMailbox("drafts");
  const ages = { "m-5.eml.old.part": 61, "m-6.eml.young.part": 59, "notes.part": 61 };
  for (const [name, minutes] of Object.entries(ages)) {
    await Bun.write(join(folder, name), "half a mail");
    const writtenAt = new Date(AT.getTime() - minutes * 60_000);
    await utimes(join(folder, name), writtenAt, writtenAt);
  }
  await mailbox.send(mailOf("m-7"), signal);
  expect((await readdir(folder)).toSorted()).toEqual([
    "m-6.eml.young.part",
    "m-7.eml",
    "notes.part",
  ]);
});

test("a letter has the same content in both forms, and nothing in it becomes markup", () => {
  const { subject, text, html } = composeLetter("en", {
    subject: "<Hi>",
    greeting: "Hello <img src=x onerror=alert(1)>,",
    paragraphs: ["a & b", '"quoted"'],
    action: { label: "<Open>", url: 'https://example.com/?a=1&b="2"' },
    reason: "because </body>",
  });
  expect(subject).toBe("<Hi>");
  expect(text).toContain("Hello <img src=x onerror=alert(1)>,");
  expect(text).toContain('<Open>: https://example.com/?a=1&b="2"');
  expect(html).toContain("Hello &lt;img src=x onerror=alert(1)&gt;,");
  expect(html).toContain('href="https://example.com/?a=1&amp;b=&quot;2&quot;"');
  expect(html).not.toContain("<img");
  expect(html.match(/<\/body>/g)).toHaveLength(1);
});
