/**
 * The wall clock of this machine, in milliseconds since the epoch. It may step at any time, so it is used only for what
 * is shown or stored: a certificate's dates, and the comparison with the hub's clock.
 */
export const wallClock = (): number => Date.now();
