/** Whether a WebSocket can be opened: proxies often block it while HTTP works. */
const TIMEOUT_MS = 8_000;

export function canOpenWebSocket(url: URL, protocol?: string): Promise<boolean> {
  const socket = new WebSocket(url, protocol === undefined ? [] : [protocol]);
  return new Promise((resolve) => {
    const finish = (isOpen: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(isOpen);
    };
    const timer = setTimeout(() => finish(false), TIMEOUT_MS);
    socket.addEventListener("open", () => finish(true));
    socket.addEventListener("error", () => finish(false));
  });
}
