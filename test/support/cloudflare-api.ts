/**
 * A stand-in of Cloudflare's API with one account, which the real wrangler deploys to (`CLOUDFLARE_API_BASE_URL`).
 *
 * It begins like a new account: there is no Worker, and an upload without the required secrets is refused. Responses follow
 * https://developers.cloudflare.com/api/resources/workers/.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const ACCOUNT = "account";
const API = "/client/v4";
const SCRIPT = `/accounts/${ACCOUNT}/workers/scripts/parley`;

const SCRIPT_INFO = { id: "parley", tag: "tag", tags: [], last_deployed_from: "wrangler", migration_tag: "v1" };

type Upload = { readonly manifest: Readonly<Record<string, { readonly hash: string }>> };
type Binding = { readonly name: string; readonly type: string; readonly text?: string };

/** A response: a result, or an error. */
type Answer =
  | { readonly result: unknown; readonly status?: number }
  | { readonly error: { readonly code: number; readonly message: string }; readonly status: number };

const NO_WORKER: Answer = {
  status: 404,
  error: { code: 10_007, message: "This Worker does not exist on your account." },
};

export class CloudflareApi {
  /** Every request: method and path. */
  readonly requests: string[] = [];
  /** Secrets of the deployed Worker, by name. Empty until the first deploy. */
  readonly secrets = new Map<string, string>();
  deployments = 0;
  /** Paths of the deployed site. */
  assets: readonly string[] = [];
  /** Hashes of the assets that wrangler has yet to upload. */
  #missing = new Set<string>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<CloudflareApi> {
    const server = createServer();
    const api = new CloudflareApi(server);
    server.on("request", (request, response) => void api.#serve(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return api;
  }

  /** What makes wrangler use this API, with an account. */
  get env(): Readonly<Record<string, string>> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}${API}`,
      CLOUDFLARE_API_TOKEN: "token-of-the-stand-in",
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
      WRANGLER_SEND_METRICS: "false",
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, "http://api");
    const path = pathname.slice(API.length);
    this.requests.push(`${request.method} ${path}`);
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array<ArrayBuffer>);
    const type = request.headers["content-type"] ?? "";
    const sent = new Response(Buffer.concat(chunks), { headers: { "content-type": type } });
    const answer = await this.#answer(`${request.method} ${path}`, sent);
    const isError = "error" in answer;
    const body = {
      success: !isError,
      result: isError ? null : answer.result,
      errors: isError ? [answer.error] : [],
      messages: [],
    };
    response.writeHead(answer.status ?? 200, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  async #answer(request: string, body: Response): Promise<Answer> {
    switch (request) {
      case `GET /accounts/${ACCOUNT}/workers/subdomain`:
        return { result: { subdomain: "you" } };
      case `POST ${SCRIPT}/assets-upload-session`:
        return { result: this.#beginUpload((await body.json()) as Upload) };
      case `POST /accounts/${ACCOUNT}/workers/assets/upload`:
        return { result: this.#upload(await body.formData()), status: 201 };
      case `PUT ${SCRIPT}`:
        return this.#deploy(await body.formData());
      case `POST ${SCRIPT}/subdomain`:
        return { result: { enabled: true, previews_enabled: false } };
    }
    if (this.deployments === 0) return NO_WORKER;
    switch (request) {
      case `GET /accounts/${ACCOUNT}/workers/services/parley`:
        return { result: { default_environment: { environment: "production", script: SCRIPT_INFO } } };
      case `GET /accounts/${ACCOUNT}/workers/workers/parley`:
        return { result: { id: "parley", subdomain: { enabled: true, previews_enabled: false } } };
      case `GET ${SCRIPT}/deployments`:
        return { result: { deployments: [{ source: "wrangler", versions: [{ version_id: "v", percentage: 100 }] }] } };
      case `POST ${SCRIPT}/versions`:
        return this.#deploy(await body.formData());
      case `POST ${SCRIPT}/deployments`:
        return { result: { id: randomUUID() } };
      case `PATCH ${SCRIPT}/script-settings`:
        return { result: {} };
      case `GET ${SCRIPT}/secrets`:
        return { result: Array.from(this.secrets.keys(), (name) => ({ name, type: "secret_text" })) };
    }
    return { status: 404, error: { code: 7_003, message: `The stand-in does not serve ${request}.` } };
  }

  /** Requests every file in one bucket. */
  #beginUpload({ manifest }: Upload): unknown {
    this.assets = Object.keys(manifest);
    this.#missing = new Set(Object.values(manifest).map(({ hash }) => hash));
    return { jwt: "upload", buckets: this.#missing.size === 0 ? [] : [[...this.#missing]] };
  }

  #upload(form: FormData): unknown {
    for (const hash of form.keys()) this.#missing.delete(hash);
    return this.#missing.size === 0 ? { jwt: "complete" } : {};
  }

  /** Stores the secrets of an upload. Refuses it if it inherits a secret that was never set. */
  #deploy(form: FormData): Answer {
    const { bindings } = JSON.parse(form.get("metadata") as string) as { bindings: Binding[] };
    const missing = bindings.find(({ type, name }) => type === "inherit" && !this.secrets.has(name));
    if (missing !== undefined) {
      return { status: 400, error: { code: 10_057, message: `inherit binding '${missing.name}' is invalid` } };
    }
    for (const { type, name, text } of bindings) if (type === "secret_text") this.secrets.set(name, text!);
    this.deployments++;
    const id = randomUUID();
    const resources = { script: { etag: "etag" }, script_runtime: {} };
    return { result: { id, resources, startup_time_ms: 1, deployment_id: id.replaceAll("-", "") } };
  }
}
