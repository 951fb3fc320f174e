/** The WebSocket of the link. The tunnels need ws anyway, and Node's own WebSocket loads 11 MB more. */
import { WebSocket } from "ws";

export { WebSocket };

export const openWebSocket = (url: URL, authorization: string): WebSocket =>
  new WebSocket(url, { headers: { authorization }, perMessageDeflate: false });
