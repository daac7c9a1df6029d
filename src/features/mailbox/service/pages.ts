import type { ReadMail } from "./mails.ts";

const BASE = "/dev/mailbox";
const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
pre { white-space: pre-wrap; border: 1px solid #8884; padding: 1rem }
iframe { width: 100%; height: 30rem; border: 1px solid #8884; background: #fff }
`;

/** The list of mails as a page. */
export function mailboxPage(page: { mails: ReadMail[]; next: string | undefined }): string {
  const rows = page.mails.map(
    ({ id, subject, to, sentAt }) =>
      `<tr><td><a href="${BASE}/${id}">${escape(subject)}</a></td><td>${escape(to)}</td><td>${escape(sentAt)}</td></tr>`,
  );
  const table = `<table><thead><tr><th>Subject</th><th>To</th><th>Sent</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
  const older =
    page.next === undefined ? "" : `<p><a href="${BASE}?before=${page.next}">Older</a></p>`;
  const body = rows.length > 0 ? table + older : "<p>No mail has been sent yet.</p>";
  return document("Mailbox", `<h1>Mailbox</h1>${body}`);
}

/** One mail: both of its forms. The HTML form stands in a frame of its own, without scripts. */
export function mailPage(mail: ReadMail): string {
  const { id, subject, to, sentAt, text } = mail;
  return document(
    subject,
    `<p><a href="${BASE}">Mailbox</a></p><h1>${escape(subject)}</h1>
<p>To ${escape(to)}, ${escape(sentAt)}</p>
<h2>HTML</h2><iframe title="The mail as HTML" sandbox src="${BASE}/${id}/html"></iframe>
<h2>Text</h2><pre>${escape(text)}</pre>`,
  );
}

function document(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body>${body}</body></html>`;
}

function escape(text: string): string {
  return Bun.escapeHTML(text);
}
