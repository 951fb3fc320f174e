/** The heap of a hub after a garbage collection, read through workerd's inspector (Chrome DevTools Protocol). */
import { once } from "node:events";
import { WebSocket } from "ws";

type Message = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly context: { readonly id: number } };
  readonly result?: Readonly<Record<string, number>>;
};

/** Bytes in use, and those that the heap has and does not use. Connects for each call: a connected inspector receives whatever the hub logs. */
export async function hubHeapBytes(port: number): Promise<{ used: number; free: number }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/worker`);
  await once(socket, "open");
  try {
    const created = messageOf(socket, ({ method }) => method === "Runtime.executionContextCreated");
    await call(socket, 1, "Runtime.enable", {});
    const contextId = (await created).params!.context.id;
    // The second collection frees what the finalizers of the first have released.
    for (const id of [2, 3]) await call(socket, id, "Runtime.evaluate", { contextId, expression: "void gc()" });
    const {
      usedSize = NaN,
      totalSize = NaN,
      backingStorageSize = NaN,
    } = await call(socket, 4, "Runtime.getHeapUsage", {});
    return { used: usedSize + backingStorageSize, free: totalSize - usedSize };
  } finally {
    socket.terminate();
  }
}

async function call(socket: WebSocket, id: number, method: string, params: object): Promise<Record<string, number>> {
  const replied = messageOf(socket, (message) => message.id === id);
  socket.send(JSON.stringify({ id, method, params }));
  return (await replied).result ?? {};
}

function messageOf(socket: WebSocket, matches: (message: Message) => boolean): Promise<Message> {
  return new Promise((done) => {
    const onMessage = (data: Buffer): void => {
      const message = JSON.parse(data.toString()) as Message;
      if (!matches(message)) return;
      socket.off("message", onMessage);
      done(message);
    };
    socket.on("message", onMessage);
  });
}
