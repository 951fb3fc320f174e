/** Plain requests to the hub. They are few, and `fetch` would load 11 MB for them. */
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";

export type HubResponse = { readonly status: number; readonly date: string | null; readonly body: string };

/** The longest body that is read; the rest is cut off. */
const BODY_CHARS_MAX = 65_536;

/** Follows no redirect. Rejects with Node's error of the connection, or an AbortError after `timeout_ms`. */
export function get(
  url: URL,
  timeout_ms: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<HubResponse> {
  return new Promise((done, fail) => {
    const send = url.protocol === "https:" ? getHttps : getHttp;
    const options = { headers, agent: false, signal: AbortSignal.timeout(timeout_ms) };
    const request = send(url, options, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body = (body + part).slice(0, BODY_CHARS_MAX);
      });
      response.on("error", fail);
      response.on("end", () => done({ status: response.statusCode ?? 0, date: response.headers.date ?? null, body }));
    });
    request.on("error", fail);
  });
}
