import type { Locale } from "../../../platform/errors.ts";
import type { Letter } from "../../../platform/mail/letter.ts";

interface Parts {
  name: string;
  url: string;
  /** The day that the letter is about. */
  day: string;
}
export type Letters = Record<Locale, (parts: Parts) => Letter>;

const SAFETY: Record<Locale, string> = {
  vi: "Bạn nhận được email này vì nó liên quan đến an toàn tài khoản của bạn.",
  en: "You get this mail because it concerns the safety of your account.",
};

export const DELETION: Record<"requested" | "cancelled", Letters> = {
  requested: {
    vi: ({ name, url, day }) => ({
      subject: "Tài khoản của bạn sẽ bị xóa",
      greeting: `Chào ${name},`,
      paragraphs: [
        `Theo yêu cầu của bạn, tài khoản này sẽ bị xóa vào ngày ${day}. Mọi thiết bị khác đã bị đăng xuất.`,
        "Cho đến ngày đó, bạn có thể đăng nhập và hủy yêu cầu. Tin nhắn bạn đã gửi cho người khác vẫn ở lại với họ, dưới tên một tài khoản đã xóa.",
        "Nếu không phải bạn, hãy đăng nhập, hủy yêu cầu và đổi mật khẩu ngay.",
      ],
      action: { label: "Mở FRM-AI", url },
      reason: SAFETY.vi,
    }),
    en: ({ name, url, day }) => ({
      subject: "Your account will be erased",
      greeting: `Hello ${name},`,
      paragraphs: [
        `As you have asked, this account will be erased on ${day}. Every other device is signed out.`,
        "Until then you can sign in and cancel it. What you have said to others stays with them, under a deleted account.",
        "If it was not you, sign in, cancel it, and change your password at once.",
      ],
      action: { label: "Open FRM-AI", url },
      reason: SAFETY.en,
    }),
  },
  cancelled: {
    vi: ({ name, url }) => ({
      subject: "Tài khoản của bạn được giữ lại",
      greeting: `Chào ${name},`,
      paragraphs: [
        "Yêu cầu xóa tài khoản của bạn đã được hủy. Không có gì bị xóa.",
        "Nếu không phải bạn, hãy đổi mật khẩu và kết thúc mọi phiên đăng nhập mà bạn không nhận ra.",
      ],
      action: { label: "Mở FRM-AI", url },
      reason: SAFETY.vi,
    }),
    en: ({ name, url }) => ({
      subject: "Your account stays",
      greeting: `Hello ${name},`,
      paragraphs: [
        "The request to erase your account was cancelled. Nothing has been erased.",
        "If that was not you, change your password and end every session that you do not know.",
      ],
      action: { label: "Open FRM-AI", url },
      reason: SAFETY.en,
    }),
  },
};

/** Whoever gets it has no account any more, so it names nobody and leads nowhere. */
export const ERASED: Record<Locale, Letter> = {
  vi: {
    subject: "Tài khoản của bạn đã bị xóa",
    greeting: "Xin chào,",
    paragraphs: [
      "Tài khoản FRM-AI của địa chỉ này đã bị xóa như bạn yêu cầu. Việc này không thể hoàn tác, và chúng tôi không gửi gì đến địa chỉ này nữa.",
    ],
    reason: "Bạn nhận được email này vì một tài khoản FRM-AI đã dùng địa chỉ của bạn.",
  },
  en: {
    subject: "Your account has been erased",
    greeting: "Hello,",
    paragraphs: [
      "The FRM-AI account of this address has been erased, as you had asked. That cannot be undone, and we send nothing more to this address.",
    ],
    reason: "You get this mail because an account of FRM-AI had your address.",
  },
};

export const EXPORT: Letters = {
  vi: ({ name, url, day }) => ({
    subject: "Bản sao dữ liệu của bạn đã sẵn sàng",
    greeting: `Chào ${name},`,
    paragraphs: [
      `Bản sao dữ liệu mà bạn yêu cầu đã sẵn sàng để tải về, cho đến ngày ${day}. Khi tải, bạn cần xác thực lại.`,
      "Nếu không phải bạn yêu cầu, hãy đổi mật khẩu ngay: có người đang dùng tài khoản của bạn.",
    ],
    action: { label: "Mở FRM-AI", url },
    reason: SAFETY.vi,
  }),
  en: ({ name, url, day }) => ({
    subject: "The copy of your data is ready",
    greeting: `Hello ${name},`,
    paragraphs: [
      `The copy of your data that you have asked for can be fetched until ${day}. You will be asked to prove who you are.`,
      "If you have not asked for it, change your password at once: somebody is using your account.",
    ],
    action: { label: "Open FRM-AI", url },
    reason: SAFETY.en,
  }),
};
