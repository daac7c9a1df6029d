/** A signed-up person with plain HTTP, as any client would be. */
export interface Person {
  id: string;
  email: string;
  token: string;
  refreshToken: string;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

const TIMEOUT_MS = 10_000;
export const PASSWORD = "correct horse battery";

/** One request; an object as `body` goes as JSON. */
export async function call(
  method: string,
  url: string,
  options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { token, body, headers = {} } = options;
  const response = await fetch(url, {
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get("content-type") ?? "");
  const parsed = (json && text !== "" ? JSON.parse(text) : {}) as Answer["body"];
  return { status: response.status, headers: response.headers, body: parsed };
}

let count = 0;

export async function signUp(url: string, name = "Someone", password = PASSWORD): Promise<Person> {
  const email = `p${(count += 1)}.${Bun.randomUUIDv7()}@example.com`;
  const { status, body } = await call("POST", `${url}/v1/auth/register`, {
    body: { email, password, displayName: name, transport: "body" },
  });
  if (status !== 201) throw new Error(`Cannot sign up: ${status} ${JSON.stringify(body)}`);
  const { user, accessToken, refreshToken } = body as unknown as {
    user: { id: string };
    accessToken: string;
    refreshToken: string;
  };
  return { id: user.id, email, token: accessToken, refreshToken };
}

/** Another session of somebody who has signed up. */
export async function signIn(url: string, person: Person, password = PASSWORD): Promise<Person> {
  const { status, body } = await call("POST", `${url}/v1/auth/login`, {
    body: { email: person.email, password, transport: "body" },
  });
  if (status !== 200) throw new Error(`Cannot sign in: ${status} ${JSON.stringify(body)}`);
  const { accessToken, refreshToken } = body;
  return { ...person, token: String(accessToken), refreshToken: String(refreshToken) };
}

/** The id of the session that an access token belongs to. */
export function sessionOf(token: string): string {
  const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(claims) as { sid: string }).sid;
}

/** Opens a direct conversation or a group and answers its id. */
export async function converse(url: string, token: string, body: object): Promise<string> {
  const answer = await call("POST", `${url}/v1/conversations`, { token, body });
  if (answer.status > 201) throw new Error(`Cannot converse: ${JSON.stringify(answer.body)}`);
  return String(answer.body["id"]);
}
