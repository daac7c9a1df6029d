/** A licence expression: `MIT`, or several joined by AND or OR. */
export type Expression = { id: string } | { op: "AND" | "OR"; left: Expression; right: Expression };

const TOKEN = /[()]|[A-Za-z0-9.:-]+\+?/y;
/** Longer ones are no licence, and each pair of brackets costs a call. */
const MAX_LENGTH = 500;

/** Reads an SPDX expression; AND binds more closely than OR. @throws when it is none. */
export function parseExpression(text: string): Expression {
  const tokens = tokenize(text);
  let at = 0;

  function take(token: string): boolean {
    if (tokens[at]?.toUpperCase() !== token) return false;
    at += 1;
    return true;
  }
  function readChain(op: "AND" | "OR", readPart: () => Expression): Expression {
    let left = readPart();
    while (take(op)) left = { op, left, right: readPart() };
    return left;
  }
  function readOr(): Expression {
    return readChain("OR", () => readChain("AND", readOne));
  }
  function readOne(): Expression {
    if (take("(")) {
      const inner = readOr();
      if (!take(")")) throw refusal(text);
      return inner;
    }
    const id = readId();
    // An exception only adds to what the licence allows.
    if (take("WITH")) readId();
    return { id: id.replace(/\+$/, "") };
  }
  function readId(): string {
    const id = tokens[at] ?? "";
    if (!/^[A-Za-z0-9]/.test(id) || /^(?:AND|OR|WITH)$/i.test(id)) throw refusal(text);
    at += 1;
    return id;
  }

  const expression = readOr();
  if (at !== tokens.length) throw refusal(text);
  return expression;
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  if (text.length > MAX_LENGTH) throw refusal(text);
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
    if (TOKEN.lastIndex === text.length) break;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) throw refusal(text);
    tokens.push(token);
  }
  return tokens;
}

/** Whether somebody who may use the allowed licences may use what is under this one. */
export function isAllowed(expression: Expression, allowed: ReadonlySet<string>): boolean {
  if ("id" in expression) return allowed.has(expression.id);
  const [left, right] = [isAllowed(expression.left, allowed), isAllowed(expression.right, allowed)];
  return expression.op === "AND" ? left && right : left || right;
}

function refusal(text: string): Error {
  return new Error(
    `Cannot read the licence "${text.slice(0, MAX_LENGTH)}": it is no SPDX expression`,
  );
}
