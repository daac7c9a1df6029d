import { AlreadyExists, AppError } from "../../platform/errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { register } from "../auth/mod.ts";
import { createConversation, sendMessage } from "../chat/mod.ts";

/** Printed at every start in development; production never makes these accounts. */
export const DEMO_PASSWORD = "seven green lanterns";
export const DEMO_USERS = [
  { email: "lan@demo.example", displayName: "Lan" },
  { email: "minh@demo.example", displayName: "Minh" },
] as const;

const ORIGIN = { device: "", network: "" };

/** On the first run: two users and a conversation to look at. Later runs change nothing. */
export async function seedDemo(platform: Platform): Promise<void> {
  try {
    const [lan, minh] = [
      await register(platform, {
        ...DEMO_USERS[0],
        password: DEMO_PASSWORD,
        locale: "vi",
        origin: ORIGIN,
      }),
      await register(platform, {
        ...DEMO_USERS[1],
        password: DEMO_PASSWORD,
        locale: "vi",
        origin: ORIGIN,
      }),
    ];
    const { conversation } = await createConversation(platform, lan.user.id, {
      kind: "direct",
      userId: minh.user.id,
    });
    await sendMessage(platform, {
      userId: lan.user.id,
      conversationId: conversation.id,
      clientId: Bun.randomUUIDv7(),
      body: "Chào Minh, hôm nay $VCB thế nào?",
    });
  } catch (error) {
    if (!(error instanceof AppError && error.kind === AlreadyExists)) throw error;
  }
}
