import type { Locale } from "../../../platform/errors.ts";
import type { Letter } from "../../../platform/mail/letter.ts";

type Letters = Record<Locale, (name: string, url: string) => Letter>;

const SAFETY: Record<Locale, string> = {
  vi: "Bạn nhận được email này vì nó liên quan đến an toàn tài khoản của bạn.",
  en: "You get this mail because it concerns the safety of your account.",
};

export const VERIFICATION: Letters = {
  vi: (name, url) => ({
    subject: "Xác nhận địa chỉ email của bạn",
    greeting: `Chào ${name},`,
    paragraphs: [
      "Hãy xác nhận rằng email gửi đến địa chỉ này tới được bạn. Liên kết chỉ dùng được một lần, trong vòng 24 giờ.",
      "Nếu bạn không tạo tài khoản FRM-AI, đừng mở liên kết.",
    ],
    action: { label: "Xác nhận địa chỉ email", url },
    reason: "Bạn nhận được email này vì một tài khoản FRM-AI đang dùng địa chỉ của bạn.",
  }),
  en: (name, url) => ({
    subject: "Confirm your e-mail address",
    greeting: `Hello ${name},`,
    paragraphs: [
      "Please confirm that mail to this address reaches you. The link works once, within 24 hours.",
      "If you have not made an account with FRM-AI, do not open the link.",
    ],
    action: { label: "Confirm the address", url },
    reason: "You get this mail because an account of FRM-AI has your address.",
  }),
};

export const RESET: Letters = {
  vi: (name, url) => ({
    subject: "Đặt mật khẩu mới",
    greeting: `Chào ${name},`,
    paragraphs: [
      "Có người, hy vọng là bạn, đã yêu cầu đặt mật khẩu mới cho tài khoản này. Liên kết chỉ dùng được một lần, trong vòng 30 phút, và mọi thiết bị sẽ bị đăng xuất.",
      "Nếu không phải bạn, hãy bỏ qua email này: không có gì thay đổi.",
    ],
    action: { label: "Đặt mật khẩu mới", url },
    reason: SAFETY.vi,
  }),
  en: (name, url) => ({
    subject: "Set a new password",
    greeting: `Hello ${name},`,
    paragraphs: [
      "Somebody, hopefully you, has asked for a new password for this account. The link works once, within 30 minutes, and signs every device out.",
      "If it was not you, ignore this mail: nothing changes.",
    ],
    action: { label: "Set a new password", url },
    reason: SAFETY.en,
  }),
};

export const PASSWORD: Record<"changed" | "reset", Letters> = {
  changed: {
    vi: (name, url) => ({
      subject: "Mật khẩu của bạn đã được đổi",
      greeting: `Chào ${name},`,
      paragraphs: [
        "Mật khẩu của tài khoản bạn vừa được đổi, và mọi thiết bị khác đã bị đăng xuất.",
        "Nếu không phải bạn, hãy yêu cầu đặt mật khẩu mới ngay.",
      ],
      action: { label: "Mở FRM-AI", url },
      reason: SAFETY.vi,
    }),
    en: (name, url) => ({
      subject: "Your password was changed",
      greeting: `Hello ${name},`,
      paragraphs: [
        "The password of your account has just been changed, and every other device is signed out.",
        "If it was not you, ask for a new password at once.",
      ],
      action: { label: "Open FRM-AI", url },
      reason: SAFETY.en,
    }),
  },
  reset: {
    vi: (name, url) => ({
      subject: "Mật khẩu mới đã được đặt",
      greeting: `Chào ${name},`,
      paragraphs: [
        "Một mật khẩu mới vừa được đặt qua liên kết gửi đến địa chỉ này, và mọi thiết bị đã bị đăng xuất.",
        "Nếu không phải bạn, có người đang đọc được email của bạn: hãy bảo vệ hộp thư trước, rồi yêu cầu đặt mật khẩu mới.",
      ],
      action: { label: "Mở FRM-AI", url },
      reason: SAFETY.vi,
    }),
    en: (name, url) => ({
      subject: "A new password was set",
      greeting: `Hello ${name},`,
      paragraphs: [
        "A new password has just been set through a link that was mailed to this address, and every device is signed out.",
        "If it was not you, somebody reads your mail: secure your mailbox first, then ask for a new password.",
      ],
      action: { label: "Open FRM-AI", url },
      reason: SAFETY.en,
    }),
  },
};

export const EMAIL_CHANGE: Record<"old" | "new", Letters> = {
  old: {
    vi: (name, url) => ({
      subject: "Cho phép đổi địa chỉ email?",
      greeting: `Chào ${name},`,
      paragraphs: [
        "Có yêu cầu chuyển tài khoản của bạn sang một địa chỉ email khác. Việc này chỉ xảy ra khi cả hai địa chỉ cùng xác nhận. Liên kết chỉ dùng được một lần, trong vòng 30 phút.",
        "Nếu không phải bạn, đừng mở liên kết và hãy đổi mật khẩu: có người đang dùng tài khoản của bạn.",
      ],
      action: { label: "Cho phép đổi địa chỉ", url },
      reason: SAFETY.vi,
    }),
    en: (name, url) => ({
      subject: "May your e-mail address change?",
      greeting: `Hello ${name},`,
      paragraphs: [
        "Somebody has asked to move your account to another e-mail address. That happens only when both addresses confirm it. The link works once, within 30 minutes.",
        "If it was not you, do not open the link, and change your password: somebody is using your account.",
      ],
      action: { label: "Allow the change", url },
      reason: SAFETY.en,
    }),
  },
  new: {
    vi: (_name, url) => ({
      subject: "Xác nhận địa chỉ email mới",
      greeting: "Xin chào,",
      paragraphs: [
        "Có người muốn dùng địa chỉ này cho tài khoản FRM-AI của họ. Địa chỉ cũ cũng phải xác nhận. Liên kết chỉ dùng được một lần, trong vòng 30 phút.",
        "Nếu không phải bạn, hãy bỏ qua email này: không có gì xảy ra.",
      ],
      action: { label: "Xác nhận địa chỉ", url },
      reason: "Bạn nhận được email này vì địa chỉ của bạn được nhập tại FRM-AI.",
    }),
    en: (_name, url) => ({
      subject: "Confirm your new e-mail address",
      greeting: "Hello,",
      paragraphs: [
        "Somebody wants to use this address for their account with FRM-AI. The old address has to confirm it as well. The link works once, within 30 minutes.",
        "If it was not you, ignore this mail: nothing happens.",
      ],
      action: { label: "Confirm the address", url },
      reason: "You get this mail because your address was entered at FRM-AI.",
    }),
  },
};

export const EMAIL_CHANGED: Letters = {
  vi: (name, url) => ({
    subject: "Địa chỉ email của tài khoản đã được đổi",
    greeting: `Chào ${name},`,
    paragraphs: [
      "Tài khoản của bạn giờ dùng một địa chỉ email khác, sau khi cả hai địa chỉ đã xác nhận. Từ nay chúng tôi không gửi gì đến địa chỉ này nữa.",
    ],
    action: { label: "Mở FRM-AI", url },
    reason: SAFETY.vi,
  }),
  en: (name, url) => ({
    subject: "The e-mail address of your account has changed",
    greeting: `Hello ${name},`,
    paragraphs: [
      "Your account has another e-mail address now, after both addresses have confirmed it. From now on we send nothing to this one.",
    ],
    action: { label: "Open FRM-AI", url },
    reason: SAFETY.en,
  }),
};
