/**
 * HTTP requests over kept connections, so that a request takes one round trip. A connection is dropped when the network
 * changes or a request times out, and the next try takes the other address family: a path may lose large packets of one.
 */
import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import type { HttpRequest, HttpResponse, Transport } from "./fetch-transport.ts";
import { ATTEMPT_TIMEOUT_MS } from "./limits.ts";

export class HttpTransport implements Transport {
  readonly #isSecure: boolean;
  /** Whether the host has a name, so that there is a choice of the family. */
  readonly #isNamed: boolean;
  #agent: http.Agent;
  #family: 4 | 6 | undefined;

  /** `url`: of the hub. */
  constructor(url: string) {
    const { protocol, hostname } = new URL(url);
    this.#isSecure = protocol === "https:";
    this.#isNamed = isIP(hostname.replace(/^\[|\]$/g, "")) === 0;
    this.#agent = this.#createAgent();
  }

  send(url: string, { method, headers, body }: HttpRequest, timeout_ms: number): Promise<HttpResponse> {
    const { request } = this.#isSecure ? https : http;
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    return new Promise((done, failed) => {
      const options = { method, headers: { ...headers, ...length }, agent: this.#agent };
      const sent = request(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", failed);
        response.on("end", () => {
          clearTimeout(timer);
          const header = (name: string): string | null => response.headers[name]?.toString() ?? null;
          done({ status: response.statusCode ?? 0, header, body: Buffer.concat(chunks) });
        });
      });
      const timer = setTimeout(() => {
        const used = sent.socket?.remoteFamily;
        sent.destroy(new Error(`no response within ${timeout_ms} ms`));
        this.#takeOtherFamily(used);
      }, timeout_ms);
      sent.on("error", (error) => {
        clearTimeout(timer);
        failed(error);
      });
      sent.end(body);
    });
  }

  reset(): void {
    this.#agent.destroy();
    this.#agent = this.#createAgent();
  }

  #takeOtherFamily(used: string | undefined): void {
    if (this.#isNamed)
      this.#family = used === undefined || this.#family !== undefined ? undefined : used === "IPv6" ? 4 : 6;
    this.reset();
  }

  #createAgent(): http.Agent {
    const family = this.#family === undefined ? {} : { family: this.#family };
    const options = { keepAlive: true, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS, ...family };
    return this.#isSecure ? new https.Agent(options) : new http.Agent(options);
  }
}
