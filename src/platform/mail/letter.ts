import type { Locale } from "../errors.ts";
import type { Mail, Mailer } from "./mailer.ts";

/** What a mail says, as plain text; the layout makes both of its forms. */
export interface Letter {
  subject: string;
  greeting: string;
  paragraphs: string[];
  action?: { label: string; url: string };
  /** Why the reader gets it. */
  reason: string;
}

/** A letter on its way: `id` is that of the job which sends it, so that it arrives once. */
export interface Sending {
  id: string;
  to: { name: string; address: string; locale: Locale };
  letter: Letter;
}

/** @throws Error when the letter could not be handed over; the job tries again. */
export async function sendLetter(
  { mailer }: { mailer: Mailer },
  { id, to, letter }: Sending,
  signal: AbortSignal,
): Promise<void> {
  const { name, address, locale } = to;
  const mail = { id, to: { name, address }, locale, ...composeLetter(locale, letter) };
  await mailer.send(mail, signal);
}

/** The text form and the HTML form of a letter. Everything in it is escaped, names of people above all. */
export function composeLetter(
  locale: Locale,
  letter: Letter,
): Pick<Mail, "subject" | "text" | "html"> {
  const { subject, greeting, paragraphs, action, reason } = letter;
  const link = action ? [`${action.label}: ${action.url}`] : [];
  const text = [greeting, ...paragraphs, ...link, "—", reason].join("\n\n");
  const body = [
    ...[greeting, ...paragraphs].map((paragraph) => `<p>${Bun.escapeHTML(paragraph)}</p>`),
    ...(action ? [button(action)] : []),
    `<p style="color:#5b6470;font-size:13px">${Bun.escapeHTML(reason)}</p>`,
  ];
  return { subject, text: `${text}\n`, html: page({ locale, subject, body: body.join("\n") }) };
}

function button({ label, url }: { label: string; url: string }): string {
  const style =
    "display:inline-block;padding:10px 18px;border-radius:6px;background:#0b5fff;color:#fff;text-decoration:none";
  return `<p><a href="${Bun.escapeHTML(url)}" style="${style}">${Bun.escapeHTML(label)}</a></p>`;
}

/** Mail programs keep little of CSS: inline styles in one column is what all of them show. */
function page(parts: { locale: Locale; subject: string; body: string }): string {
  return `<!doctype html>
<html lang="${parts.locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${Bun.escapeHTML(parts.subject)}</title>
</head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1a1f26;background:#fff">
<div style="max-width:560px;margin:0 auto">
${parts.body}
</div>
</body>
</html>
`;
}
