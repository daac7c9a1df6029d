import type { Locale } from "../../../platform/errors.ts";
import type { Letter } from "../../../platform/mail/letter.ts";
import { sendNotice } from "../../../platform/mail/notice.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { findAddressee } from "./addressees.ts";

/** Tells the owner of an account that one of its sessions was ended, because an old refresh token was shown. */
export async function sendReuseMail(
  platform: WorkerPlatform,
  input: { userId: string; mailId: string; signal: AbortSignal },
): Promise<void> {
  const to = await findAddressee(platform, input.userId);
  if (!to) return;
  const letter = LETTERS[to.locale](to.name, platform.config.publicUrl.href);
  const { userId, mailId: id, signal } = input;
  const notice = { kind: "reuse", userId, isProven: to.isProven, id, to, letter } as const;
  await sendNotice(platform, notice, signal);
}

const LETTERS: Record<Locale, (name: string, url: string) => Letter> = {
  vi: (name, url) => ({
    subject: "Chúng tôi đã đăng xuất một thiết bị của bạn",
    greeting: `Chào ${name},`,
    paragraphs: [
      "Một mã đăng nhập cũ của tài khoản bạn vừa được dùng lại. Điều đó có thể có nghĩa là ai đó đã sao chép nó, nên chúng tôi đã kết thúc phiên đăng nhập ấy.",
      "Hãy đăng nhập lại. Nếu bạn không nhận ra thiết bị nào trong danh sách phiên đăng nhập, hãy kết thúc nó và đổi mật khẩu.",
    ],
    action: { label: "Mở FRM-AI", url },
    reason: "Bạn nhận được email này vì nó liên quan đến an toàn tài khoản của bạn.",
  }),
  en: (name, url) => ({
    subject: "We have signed one of your devices out",
    greeting: `Hello ${name},`,
    paragraphs: [
      "An old sign-in token of your account was used again. Somebody may have copied it, so we have ended that session.",
      "Please sign in again. If there is a device among your sessions that you do not know, end it and change your password.",
    ],
    action: { label: "Open FRM-AI", url },
    reason: "You get this mail because it concerns the safety of your account.",
  }),
};
