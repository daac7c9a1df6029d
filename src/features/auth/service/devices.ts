/** First match wins: most browsers also name those that they descend from. */
const BROWSERS: [RegExp, string][] = [
  [/\bEdg(?:A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bCocCoc|coc_coc_browser\//i, "Cốc Cốc"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|CriOS)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/\b(?:iPhone|iPad|iPod)\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];
const PRODUCT = /^([A-Za-z0-9][\w.-]{0,38})(?:\/|\s|$)/;

/** What a person calls a device, such as "Firefox, Windows"; empty when the header tells nothing. */
export function deviceOf(userAgent: string | null): string {
  const text = (userAgent ?? "").slice(0, 512);
  const browser = nameIn(text, BROWSERS) ?? PRODUCT.exec(text)?.[1];
  const system = nameIn(text, SYSTEMS);
  return [browser === "Mozilla" ? undefined : browser, system]
    .filter((name) => name !== undefined)
    .join(", ");
}

function nameIn(text: string, names: [RegExp, string][]): string | undefined {
  return names.find(([pattern]) => pattern.test(text))?.[1];
}
