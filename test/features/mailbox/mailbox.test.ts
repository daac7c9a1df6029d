import { expect, test } from "bun:test";

import { call, PASSWORD } from "../../support/client.ts";
import { openCluster } from "../../support/instance.ts";
import { mailTo } from "../../support/mailbox.ts";

async function page(url: string): Promise<{ status: number; policy: string; text: string }> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const policy = answer.headers.get("content-security-policy") ?? "";
  return { status: answer.status, policy, text: await answer.text() };
}

test("the mailbox page shows what was delivered, and lets no mail run or fetch anything", async () => {
  await using cluster = await openCluster();
  const { url } = await cluster.start();
  await call("POST", `${url}/v1/auth/register`, {
    headers: { "accept-language": "en" },
    body: {
      email: "mai@example.com",
      password: PASSWORD,
      displayName: "Mai <script>alert(1)</script>",
    },
  });
  await mailTo(cluster.dataDir, "mai@example.com");

  const list = await page(`${url}/dev/mailbox`);
  expect(list.text).toContain("Welcome to FRM-AI");
  expect(list.text).toContain("mai@example.com");
  const [, id = ""] = /href="\/dev\/mailbox\/([\w-]{36})">Welcome/.exec(list.text) ?? [];

  const one = await page(`${url}/dev/mailbox/${id}`);
  expect(one.text).toContain("Hello there,");
  const html = await page(`${url}/dev/mailbox/${id}/html`);
  expect(html.policy).toContain("sandbox");
  for (const { status, policy, text } of [list, one, html]) {
    expect(status).toBe(200);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("script-src");
    expect(text).not.toContain("<script>");
  }

  expect((await page(`${url}/dev/mailbox/${Bun.randomUUIDv7()}`)).status).toBe(404);
  expect((await page(`${url}/dev/mailbox/..%2F..%2Fmailbox`)).status).toBe(422);
  const older = await page(`${url}/dev/mailbox?before=00000000-0000-7000-8000-000000000000`);
  expect(older.text).toContain("No mail has been sent yet");
});
