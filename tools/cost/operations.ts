/**
 * What each step of a player costs on Cloudflare. test/worker/hub/operations.test.ts counts every figure at the deployed
 * Worker in workerd, and fails if one differs.
 */

export type Operation = {
  /** Requests that run the Worker. */
  readonly requests: number;
  /** Calls and sockets of the hub. */
  readonly calls: number;
  /** Messages that the hub receives over a WebSocket. */
  readonly messages: number;
  /** Rows that the hub writes, without its alarm. */
  readonly rows: number;
};

const operation = (requests: number, calls: number, messages: number, rows: number): Operation => ({
  requests,
  calls,
  messages,
  rows,
});

export const OPERATIONS = {
  // Over a wire: a report on the sidecar's link each, with the row of the lobby and that of the acknowledgement.
  wire_host: operation(0, 0, 1, 2),
  wire_join: operation(0, 0, 1, 2),
  wire_start: operation(0, 0, 1, 2),
  wire_confirm: operation(0, 0, 1, 2),
  /** The alarm removes a started lobby. */
  wire_end: operation(0, 0, 0, 1),

  // Over HTTP and WebSocket.
  identity: operation(1, 1, 0, 0),
  create: operation(1, 1, 0, 1),
  join: operation(1, 1, 0, 1),
  /** A member's event stream: hello and a subscription. It confirms the seat, which is a row after a join. */
  socket: operation(1, 1, 2, 1),
  host_socket: operation(1, 1, 2, 0),
  /** Answered by the platform. It does not say whether it bills these messages, so they are counted. */
  ping: operation(0, 0, 1, 0),
  chat: operation(0, 0, 1, 0),
  patch: operation(1, 1, 0, 1),
  /** A member connects to another: a request, an acceptance and two outcomes. */
  connect: operation(4, 4, 0, 0),
  leave: operation(1, 1, 0, 1),
  /** A member's socket closes without leaving: a row of its grace, and the lobby's when the alarm ends the seat. */
  drop: operation(0, 0, 0, 3),

  // Readers. The list request itself: whether it reaches hubs is simulated.
  list: operation(1, 0, 0, 0),
  watch: operation(1, 1, 2, 0),
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof OPERATIONS;
