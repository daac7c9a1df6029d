import type { Api, ClientErrorCode } from "@frm-ai/client";

/*
 * What must not compile. Nothing runs this; the type check reads it, and fails where one of these has become possible.
 */

/** True where a type is `any`, with which every mistake would compile. */
type IsAny<T> = 0 extends 1 & T ? true : false;

export async function refuseMistakes(api: Api): Promise<void> {
  // @ts-expect-error There is no such route.
  await api.v1.conversation.get();
  // @ts-expect-error The limit is a number.
  await api.v1.conversations.get({ query: { limit: "20" } });
  // @ts-expect-error A message has a body.
  await api.v1.conversations({ id: "" }).messages.post({ clientId: "" });
  // @ts-expect-error There is no such kind of conversation.
  await api.v1.conversations.post({ kind: "broadcast", name: "", memberIds: [] });

  const { data, error } = await api.v1.conversations.get();
  // @ts-expect-error There is no data before the error has been ruled out.
  data.items.at(0);
  // @ts-expect-error A conversation has no such field.
  data?.items[0]?.title.trim();
  // @ts-expect-error The code is none that this call answers.
  if (error?.value.code === "invalid_credentials") return;
  // @ts-expect-error There is no such code at all.
  const code: ClientErrorCode = "oops";

  const answer: IsAny<typeof data> = false;
  const refusal: IsAny<NonNullable<typeof error>["value"]["code"]> = false;
  const route: IsAny<Api["v1"]["me"]> = false;
  void [code, answer, refusal, route];
}
