import { until } from "../support/poll.ts";
import type { DevTools, Json } from "./devtools.ts";

/** A page as a person has it: clicks and keys are real input events at real places. */
export interface Page extends AsyncDisposable {
  /** Address of every request that the page made or tried to make, sockets included. */
  requests: string[];
  /** Every request as text: address and headers, those that the browser adds by itself too. */
  sent: string[];
  /** Everything that went wrong in the page: console errors and warnings, exceptions, refusals of the CSP. */
  complaints: string[];
  goto: (url: string) => Promise<void>;
  /** Another tab of the same window: it shares cookies, storage and cache. It goes with this page. */
  openTab: () => Promise<Page>;
  /** From the next document on, no script of the page runs. */
  disableScripts: () => Promise<void>;
  /** The value of an expression in the page; a promise is awaited. */
  read: <T>(expression: string) => Promise<T>;
  /** Resolves when an expression has become true. */
  until: (what: string, expression: string) => Promise<void>;
  /** Resolves when a request to an address that starts so has been made. */
  untilRequest: (start: string) => Promise<void>;
  /** Resolves with the status of the first answer from this address, when its cookies have been dealt with. */
  untilAnswer: (url: string) => Promise<number>;
  click: (selector: string) => Promise<void>;
  /** Replaces what is in a field, which has the focus from then on. */
  fill: (selector: string, text: string) => Promise<void>;
  /** Presses Enter where the focus is: it hits even while the page moves under a pointer. */
  pressEnter: () => Promise<void>;
  /** All cookies by name, those that no script can read too. */
  cookies: () => Promise<Record<string, string>>;
  /** Puts a cookie into the jar, as the browser's owner may. */
  setCookie: (cookie: { name: string; value: string; url: string }) => Promise<void>;
  deleteCookie: (name: string, url: string) => Promise<void>;
  /** Cuts the page off from every network, or gives it back. */
  setOffline: (offline: boolean) => Promise<void>;
  /** The addresses behind the back button, the present one included. */
  history: () => Promise<string[]>;
}

const STEP_LIMIT_MS = 20_000;
const ENTER = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };

/** Written in the page at the start of every document; the driver reads it back as a console message. */
const REPORT_VIOLATIONS = `document.addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP: " + event.violatedDirective + " " + event.blockedURI));`;

export interface PageOptions {
  /** The window that it shares; by default it gets one of its own. */
  window?: string;
  /** Whether certificates that nobody vouches for are good too. */
  trustAnyCertificate?: boolean;
}

export async function openPage(devtools: DevTools, options: PageOptions = {}): Promise<Page> {
  const { window, trustAnyCertificate = false } = options;
  const { call, listen } = devtools;
  const browserContextId =
    window ?? String((await call("Target.createBrowserContext"))["browserContextId"]);
  const target = await call("Target.createTarget", { url: "about:blank", browserContextId });
  const targetId = String(target["targetId"]);
  const attached = await call("Target.attachToTarget", { targetId, flatten: true });
  const sessionId = String(attached["sessionId"]);
  const requests: string[] = [];
  const sent: string[] = [];
  const complaints: string[] = [];
  /** Addresses of requests by their ids, and what was answered to them. */
  const asked = new Map<unknown, string>();
  const answers: { id: unknown; status: number }[] = [];
  const send = (method: string, params?: object) => call(method, params, sessionId);

  listen(sessionId, (method, params) => {
    const address = addressIn(method, params);
    if (address !== undefined && !/^(?:data|blob|about):/.test(address)) requests.push(address);
    // A request that is sent on elsewhere keeps its id, and the first address is what was asked.
    if (method === "Network.requestWillBeSent" && !asked.has(params["requestId"]))
      asked.set(params["requestId"], address ?? "");
    if (method === "Network.responseReceivedExtraInfo")
      answers.push({ id: params["requestId"], status: Number(params["statusCode"]) });
    const headers = headersIn(method, params);
    if (headers !== undefined) sent.push(`${address ?? ""} ${JSON.stringify(headers)}`);
    const complaint = complaintIn(method, params);
    if (complaint !== undefined) complaints.push(complaint);
  });
  for (const domain of ["Network", "Log", "Runtime", "Page", "Audits"]) {
    await send(`${domain}.enable`);
  }
  if (trustAnyCertificate) await send("Security.setIgnoreCertificateErrors", { ignore: true });
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
    sent,
    complaints,
    read,
    until: untilTrue,
    click,
    disableScripts: async () => {
      await send("Emulation.setScriptExecutionDisabled", { value: true });
    },
    untilRequest: (start) =>
      until(`a request to ${start}`, () => requests.some((url) => url.startsWith(start))),
    untilAnswer: async (url) => {
      const find = () => answers.find(({ id }) => asked.get(id) === url);
      await until(`an answer from ${url}`, () => find() !== undefined, STEP_LIMIT_MS);
      return find()?.status ?? 0;
    },
    cookies: async () => {
      const { cookies } = (await call("Storage.getCookies", { browserContextId })) as {
        cookies?: { name: string; value: string }[];
      };
      return Object.fromEntries((cookies ?? []).map(({ name, value }) => [name, value]));
    },
    openTab: () => openPage(devtools, { trustAnyCertificate, window: browserContextId }),
    setCookie: async ({ name, value, url }) => {
      const hard = { secure: true, httpOnly: true, path: "/", sameSite: "Strict" };
      await send("Network.setCookie", { name, value, url, ...hard });
    },
    setOffline: async (offline) => {
      const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
      await send("Network.emulateNetworkConditions", { offline, ...unlimited });
    },
    history: async () => {
      const { entries } = (await send("Page.getNavigationHistory")) as {
        entries?: { url: string }[];
      };
      return (entries ?? []).map(({ url }) => url);
    },
    deleteCookie: async (name, url) => void (await send("Network.deleteCookies", { name, url })),
    goto: async (url) => {
      // The document that is left may well be of the same address, and complete.
      await read("globalThis.isLeft = true");
      await send("Page.navigate", { url });
      await untilTrue(
        `"${url}" to load`,
        `globalThis.isLeft === undefined && document.readyState === "complete"`,
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
      if (window === undefined) await call("Target.disposeBrowserContext", { browserContextId });
      else await call("Target.closeTarget", { targetId });
    },
  };
}

function addressIn(method: string, params: Json): string | undefined {
  if (method === "Network.requestWillBeSent") return (params["request"] as { url: string }).url;
  return method === "Network.webSocketCreated" ? String(params["url"]) : undefined;
}

/** The browser tells the headers of a request twice: as the page made it, and as it went out. */
function headersIn(method: string, params: Json): unknown {
  if (method === "Network.requestWillBeSent")
    return (params["request"] as { headers: object }).headers;
  return method === "Network.requestWillBeSentExtraInfo" ? params["headers"] : undefined;
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
