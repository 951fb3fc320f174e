/** Whether a WebSocket opens. */
const WITHIN_MS = 8_000;

export function opens(url: URL, protocol?: string): Promise<boolean> {
  const socket = new WebSocket(url, protocol === undefined ? [] : [protocol]);
  return new Promise((done) => {
    const finish = (open: boolean): void => {
      clearTimeout(timer);
      socket.close();
      done(open);
    };
    const timer = setTimeout(() => finish(false), WITHIN_MS);
    socket.addEventListener("open", () => finish(true));
    socket.addEventListener("error", () => finish(false));
  });
}
