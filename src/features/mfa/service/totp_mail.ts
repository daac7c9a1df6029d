import type { Locale } from "../../../platform/errors.ts";
import type { Letter } from "../../../platform/mail/letter.ts";
import { sendNotice } from "../../../platform/mail/notice.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { findAddressee } from "../../auth/mod.ts";
import type { TotpMail } from "../schema.ts";

type What = (typeof TotpMail)["payload"]["static"]["what"];

/** Tells the owner of an account what has happened to its second factor, in case it was somebody else. */
export async function sendTotpMail(
  platform: WorkerPlatform,
  input: { userId: string; what: What; mailId: string; signal: AbortSignal },
): Promise<void> {
  const to = await findAddressee(platform, input.userId);
  if (!to) return;
  const url = platform.config.publicUrl.href;
  const [subject, what] = EVENTS[to.locale][input.what];
  const letter = FRAMES[to.locale]({ name: to.name, url, subject, what });
  const { userId, mailId: id, signal } = input;
  const notice = { kind: "second_factor", userId, isProven: to.isProven, id, to, letter } as const;
  await sendNotice(platform, notice, signal);
}

/** The subject, and the paragraph that says what has happened. */
const EVENTS: Record<Locale, Record<What, [string, string]>> = {
  vi: {
    enabled: [
      "Đã bật xác thực hai lớp",
      "Tài khoản của bạn vừa được bảo vệ bằng ứng dụng xác thực: từ nay mỗi lần đăng nhập đều cần mã. Hãy cất các mã khôi phục ở nơi an toàn.",
    ],
    disabled: [
      "Đã tắt xác thực hai lớp",
      "Ứng dụng xác thực không còn bảo vệ tài khoản của bạn: từ nay chỉ cần mật khẩu để đăng nhập.",
    ],
    recovery_used: [
      "Một mã khôi phục vừa được dùng",
      "Một mã khôi phục của tài khoản bạn vừa được dùng thay cho ứng dụng xác thực. Mã ấy không dùng lại được nữa.",
    ],
    recovery_renewed: [
      "Bạn có các mã khôi phục mới",
      "Các mã khôi phục của tài khoản bạn vừa được thay bằng mã mới. Các mã cũ không dùng được nữa.",
    ],
  },
  en: {
    enabled: [
      "Two-step verification is on",
      "An authenticator app guards your account from now on: every sign-in takes a code. Keep your recovery codes in a safe place.",
    ],
    disabled: [
      "Two-step verification is off",
      "The authenticator app guards your account no more: from now on the password alone signs you in.",
    ],
    recovery_used: [
      "A recovery code was used",
      "A recovery code of your account was just used in the place of the authenticator app. That code does not work again.",
    ],
    recovery_renewed: [
      "You have new recovery codes",
      "The recovery codes of your account were just replaced by new ones. The old ones do not work any more.",
    ],
  },
};

const FRAMES: Record<
  Locale,
  (parts: Record<"name" | "url" | "subject" | "what", string>) => Letter
> = {
  vi: ({ name, url, subject, what }) => ({
    subject,
    greeting: `Chào ${name},`,
    paragraphs: [
      what,
      "Nếu không phải bạn, hãy đổi mật khẩu và kết thúc mọi phiên đăng nhập mà bạn không nhận ra.",
    ],
    action: { label: "Mở FRM-AI", url },
    reason: "Bạn nhận được email này vì nó liên quan đến an toàn tài khoản của bạn.",
  }),
  en: ({ name, url, subject, what }) => ({
    subject,
    greeting: `Hello ${name},`,
    paragraphs: [
      what,
      "If that was not you, change your password and end every session that you do not know.",
    ],
    action: { label: "Open FRM-AI", url },
    reason: "You get this mail because it concerns the safety of your account.",
  }),
};
