import type { Locale } from "../../../platform/errors.ts";
import { type Letter, sendLetter } from "../../../platform/mail/letter.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { makeLink } from "../../account/mod.ts";
import { calledInMail, findAddressee } from "./addressees.ts";

/** Welcomes a new user in their own language, with the link that confirms their address. Who is gone by now gets nothing. */
export async function sendWelcomeMail(
  platform: WorkerPlatform,
  input: { userId: string; mailId: string; signal: AbortSignal },
): Promise<void> {
  const to = await findAddressee(platform, input.userId);
  if (!to) return;
  const url = await makeLink(platform, {
    userId: input.userId,
    email: to.address,
    purpose: "email_verification",
    mailId: input.mailId,
  });
  if (url === undefined) return;
  const letter = LETTERS[to.locale](calledInMail(to), url);
  const reader = to.isProven ? to : { ...to, name: "" };
  await sendLetter(platform, { id: input.mailId, to: reader, letter }, input.signal);
}

const LETTERS: Record<Locale, (name: string, url: string) => Letter> = {
  vi: (name, url) => ({
    subject: "Chào mừng bạn đến với FRM-AI",
    greeting: `Chào ${name},`,
    paragraphs: [
      "Tài khoản của bạn đã sẵn sàng. Tại FRM-AI, bạn có thể trò chuyện với các nhà đầu tư khác và cùng theo dõi những mã chứng khoán mình quan tâm.",
      "Hãy xác nhận địa chỉ email này. Liên kết chỉ dùng được một lần, trong vòng 24 giờ. Nếu bạn không tạo tài khoản, đừng mở liên kết.",
      "Chúng tôi không bao giờ hỏi mật khẩu của bạn qua email hay tin nhắn.",
    ],
    action: { label: "Xác nhận địa chỉ email", url },
    reason: "Bạn nhận được email này vì địa chỉ của bạn vừa được dùng để tạo tài khoản.",
  }),
  en: (name, url) => ({
    subject: "Welcome to FRM-AI",
    greeting: `Hello ${name},`,
    paragraphs: [
      "Your account is ready. On FRM-AI you can talk with other investors, and follow together the stocks you care about.",
      "Please confirm this address. The link works once, within 24 hours. If you have not made an account, do not open it.",
      "We never ask for your password, neither by mail nor in a message.",
    ],
    action: { label: "Confirm the address", url },
    reason: "You get this mail because an account was made with your address.",
  }),
};
