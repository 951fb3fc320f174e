/** The settings REPORTS_WEBHOOK and REPORTS_KEY: where reports of players are sent, and the key that signs them. */
import { KEY_LENGTH_MIN } from "../limits.ts";

export type Webhook = { readonly url: string; readonly key: string };

/** `webhook` null: none is configured, or with a fault. */
export function parseWebhook(
  url: string,
  key: string,
): { readonly webhook: Webhook | null; readonly faults: string[] } {
  if (url === "" && key === "") return { webhook: null, faults: [] };
  const faults = [
    ...(isWebhookUrl(url) ? [] : ["REPORTS_WEBHOOK: a URL like https://ops.example/reports expected"]),
    ...(key.length >= KEY_LENGTH_MIN
      ? []
      : [`REPORTS_KEY: at least ${KEY_LENGTH_MIN} characters expected; \`openssl rand -hex 32\` makes one`]),
  ];
  return { webhook: faults.length === 0 ? { url, key } : null, faults };
}

/** Plain HTTP is for a service on the same machine. */
const isWebhookUrl = (text: string): boolean =>
  /^(https:\/\/[\w.:[\]-]+|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(\/[!-~]*)?$/.test(text);
