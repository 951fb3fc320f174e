/** How long the list after a new lobby takes. `PARLEY_TABLE=1` prints it; no test depends on the time. */

export function freshness(wire: string): { fresh: <T>(list: () => Promise<T>) => Promise<T>; report: () => void } {
  const took_ms: number[] = [];
  return {
    fresh: async (list) => {
      const began = performance.now();
      const listed = await list();
      took_ms.push(performance.now() - began);
      return listed;
    },
    report: () => {
      if (process.env["PARLEY_TABLE"] === undefined) return;
      const within = took_ms.filter((ms) => ms <= 50).length;
      console.log(
        `${wire}: ${within} of ${took_ms.length} lists within 50 ms, longest ${Math.max(...took_ms).toFixed(1)} ms`,
      );
    },
  };
}
