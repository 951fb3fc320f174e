/** HTTP requests by `fetch`, on every platform. The Node client uses kept connections instead (http-transport.ts). */

export type HttpRequest = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};
export type HttpResponse = {
  readonly status: number;
  readonly body: Uint8Array;
  /** The value of a header, or null. The name is in lower case. */
  readonly header: (name: string) => string | null;
};

export type Transport = {
  /** Rejects if there is no complete response in time. */
  send(url: string, request: HttpRequest, timeout_ms: number): Promise<HttpResponse>;
  /** The kept connections are dead: this machine has another address. */
  reset(): void;
};

export class FetchTransport implements Transport {
  async send(url: string, request: HttpRequest, timeout_ms: number): Promise<HttpResponse> {
    const { method, headers, body = null } = request;
    const signal = AbortSignal.timeout(timeout_ms);
    const response = await fetch(url, {
      method,
      headers,
      body: body as string | Uint8Array<ArrayBuffer> | null,
      signal,
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, body: bytes, header: (name) => response.headers.get(name) };
  }

  /** The platform manages the connections. */
  reset(): void {}
}
