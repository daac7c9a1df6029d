import { useEffect, useState } from "react";

const MARK = "#token=";

/**
 * The token of a mailed link: undefined until the page has looked, and empty where there is none. It stands behind the
 * #, which no browser sends to a server, and is taken out of the address at once, so that it stays in no history and no
 * bookmark, and is on no screenshot.
 */
export function useMailedToken(): string | undefined {
  const [token, setToken] = useState<string>();
  useEffect(() => {
    function take(): void {
      const found = location.hash.startsWith(MARK) ? location.hash.slice(MARK.length) : "";
      if (found !== "") history.replaceState(null, "", location.pathname);
      setToken((before) => (found !== "" ? found : (before ?? "")));
    }
    take();
    // Another link of the same kind, opened in this tab, changes nothing but what stands behind the #.
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);
  return token;
}
