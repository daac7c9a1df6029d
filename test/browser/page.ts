import { until } from "../support/poll.ts";
import type { DevTools, Json } from "./devtools.ts";

/** A page as a person has it: clicks and keys are real input events at real places. */
export interface Page extends AsyncDisposable {
  /** Address of every request that the page made or tried to make, sockets included. */
  requests: string[];
  /** Everything that went wrong in the page: console errors and warnings, exceptions, refusals of the CSP. */
  complaints: string[];
  goto: (url: string) => Promise<void>;
  /** From the next document on, no script of the page runs. */
  disableScripts: () => Promise<void>;
  /** The value of an expression in the page; a promise is awaited. */
  read: <T>(expression: string) => Promise<T>;
  /** Resolves when an expression has become true. */
  until: (what: string, expression: string) => Promise<void>;
  /** Resolves when a request to an address that starts so has been made. */
  untilRequest: (start: string) => Promise<void>;
  click: (selector: string) => Promise<void>;
  /** Replaces what is in a field, which has the focus from then on. */
  fill: (selector: string, text: string) => Promise<void>;
  /** Presses Enter where the focus is: it hits even while the page moves under a pointer. */
  pressEnter: () => Promise<void>;
  /** All cookies by name, those that no script can read too. */
  cookies: () => Promise<Record<string, string>>;
  deleteCookie: (name: string, url: string) => Promise<void>;
}

const STEP_LIMIT_MS = 20_000;
const ENTER = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };

/** Written in the page at the start of every document; the driver reads it back as a console message. */
const REPORT_VIOLATIONS = `document.addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP: " + event.violatedDirective + " " + event.blockedURI));`;

export async function openPage({ call, listen }: DevTools): Promise<Page> {
  const context = await call("Target.createBrowserContext");
  const browserContextId = String(context["browserContextId"]);
  const target = await call("Target.createTarget", { url: "about:blank", browserContextId });
  const targetId = String(target["targetId"]);
  const attached = await call("Target.attachToTarget", { targetId, flatten: true });
  const sessionId = String(attached["sessionId"]);
  const requests: string[] = [];
  const complaints: string[] = [];
  const send = (method: string, params?: object) => call(method, params, sessionId);

  listen(sessionId, (method, params) => {
    const address = addressIn(method, params);
    if (address !== undefined && !/^(?:data|blob|about):/.test(address)) requests.push(address);
    const complaint = complaintIn(method, params);
    if (complaint !== undefined) complaints.push(complaint);
  });
  for (const domain of ["Network", "Log", "Runtime", "Page", "Audits"]) {
    await send(`${domain}.enable`);
  }
  await send("Page.addScriptToEvaluateOnNewDocument", { source: REPORT_VIOLATIONS });

  async function read<T>(expression: string): Promise<T> {
    const answer = await send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (answer["exceptionDetails"]) {
      throw new Error(`Cannot evaluate "${expression}": ${textOf(answer["exceptionDetails"])}`);
    }
    return (answer["result"] as { value: T }).value;
  }

  async function untilTrue(what: string, expression: string): Promise<void> {
    // Between two documents there is nothing to ask; the next look finds the new one.
    const ask = () => read<boolean>(`Boolean(${expression})`).catch(() => false);
    await until(what, ask, STEP_LIMIT_MS).catch(async (error: unknown) => {
      const shown = await read<string>("location.href + '\\n' + document.body?.innerText").catch(
        String,
      );
      throw new Error(
        `${String(error)}; the page shows: ${shown.slice(0, 2_000)}\n${complaints.join("\n")}`,
      );
    });
  }

  async function click(selector: string): Promise<void> {
    const quoted = JSON.stringify(selector);
    await untilTrue(
      `"${selector}" to click`,
      `document.querySelector(${quoted})?.disabled === false ||
      document.querySelector(${quoted})?.disabled === undefined && document.querySelector(${quoted})`,
    );
    const { x, y } = await read<{ x: number; y: number }>(`(() => {
      const element = document.querySelector(${quoted});
      element.scrollIntoView({ block: "center", behavior: "instant" });
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    })()`);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
    }
  }

  return {
    requests,
    complaints,
    read,
    until: untilTrue,
    click,
    disableScripts: async () => {
      await send("Emulation.setScriptExecutionDisabled", { value: true });
    },
    untilRequest: (start) =>
      until(`a request to ${start}`, () => requests.some((url) => url.startsWith(start))),
    cookies: async () => {
      const { cookies } = (await call("Storage.getCookies", { browserContextId })) as {
        cookies?: { name: string; value: string }[];
      };
      return Object.fromEntries((cookies ?? []).map(({ name, value }) => [name, value]));
    },
    deleteCookie: async (name, url) => void (await send("Network.deleteCookies", { name, url })),
    goto: async (url) => {
      await send("Page.navigate", { url });
      await untilTrue(
        `"${url}" to load`,
        `document.readyState === "complete" && location.href !== "about:blank"`,
      );
    },
    fill: async (selector, text) => {
      const field = `document.querySelector(${JSON.stringify(selector)})`;
      await untilTrue(`"${selector}" to fill`, `${field}?.disabled === false`);
      await read(`${field}.focus(), ${field}.select()`);
      await send("Input.insertText", { text });
    },
    pressEnter: async () => {
      for (const type of ["keyDown", "keyUp"])
        await send("Input.dispatchKeyEvent", { type, ...ENTER });
    },
    [Symbol.asyncDispose]: async () => {
      await call("Target.disposeBrowserContext", { browserContextId });
    },
  };
}

function addressIn(method: string, params: Json): string | undefined {
  if (method === "Network.requestWillBeSent") return (params["request"] as { url: string }).url;
  return method === "Network.webSocketCreated" ? String(params["url"]) : undefined;
}

/** What the page, or the browser about the page, has to complain of. */
function complaintIn(method: string, params: Json): string | undefined {
  switch (method) {
    case "Runtime.exceptionThrown":
      return `exception: ${textOf(params["exceptionDetails"])}`;
    case "Runtime.consoleAPICalled": {
      const { type, args } = params as {
        type: string;
        args: { value?: string; description?: string }[];
      };
      const said = args.map(({ value, description }) => value ?? description).join(" ");
      return /^(?:error|warning|assert)$/.test(type) ? `console ${type}: ${said}` : undefined;
    }
    case "Log.entryAdded": {
      const { level, text, url } = params["entry"] as { level: string; text: string; url?: string };
      return /^(?:error|warning)$/.test(level) ? `${level}: ${text} ${url ?? ""}` : undefined;
    }
    case "Audits.issueAdded": {
      const { code, details } = params["issue"] as { code: string; details: object };
      return code === "ContentSecurityPolicyIssue"
        ? `${code}: ${JSON.stringify(details)}`
        : undefined;
    }
    default:
      return undefined;
  }
}

function textOf(details: unknown): string {
  const { text, exception } = details as { text: string; exception?: { description?: string } };
  return exception?.description ?? text;
}
