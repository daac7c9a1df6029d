/** A registered user of the product, with a fresh access token. */
export interface Person {
  id: string;
  token: string;
}

const REQUEST_TIMEOUT_MS = 20_000;
/** Passwords are hashed on purpose slowly; more at once than the product takes are refused. */
const REGISTERED_AT_ONCE = 4;
/** A new group takes at most this many members at once; the rest are brought in one by one. */
const FIRST_MEMBERS = 100;

/** Registers this many people. */
export async function registerPeople(base: string, count: number): Promise<Person[]> {
  const people: Person[] = [];
  while (people.length < count) {
    const size = Math.min(REGISTERED_AT_ONCE, count - people.length);
    people.push(...(await Promise.all(Array.from({ length: size }, () => register(base)))));
  }
  return people;
}

/** What somebody signs in with. */
export interface Login {
  email: string;
  password: string;
}

/** Registers this many people who will sign in themselves. */
export async function registerLogins(base: string, count: number): Promise<Login[]> {
  const logins: Login[] = [];
  while (logins.length < count) {
    const login = newLogin();
    await register(base, login);
    logins.push(login);
  }
  return logins;
}

function newLogin(): Login {
  return { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
}

async function register(base: string, login = newLogin()): Promise<Person> {
  const body = { ...login, displayName: "Bench", transport: "body" };
  const answer = await request<{ user: { id: string }; accessToken: string }>(
    `${base}/v1/auth/register`,
    { method: "POST", body },
  );
  return { id: answer.user.id, token: answer.accessToken };
}

/** Opens a group of the owner and all members. @returns the conversation's id. */
export async function openGroup(base: string, owner: Person, members: Person[]): Promise<string> {
  const first = members.slice(0, FIRST_MEMBERS).map(({ id }) => id);
  const { id } = await request<{ id: string }>(`${base}/v1/conversations`, {
    method: "POST",
    token: owner.token,
    body: { kind: "group", name: "Bench", memberIds: first },
  });
  for (const member of members.slice(FIRST_MEMBERS)) {
    const url = `${base}/v1/conversations/${id}/members/${member.id}`;
    await request(url, { method: "PUT", token: owner.token });
  }
  return id;
}

/** One request. @throws unless it succeeds. */
export async function request<T>(
  url: string,
  { method, token, body }: { method: string; token?: string; body?: object },
): Promise<T> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot ${method} ${url}: ${response.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as T;
}
