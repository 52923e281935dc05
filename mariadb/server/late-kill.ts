/**
 * A connection that is destroyed while a statement runs has the connector kill its session by another connection, and
 * nobody looks at the answer. Where the session has ended meanwhile, that is a rejection without a handler.
 */

/** Keeps such an answer from ending this process; every other rejection that nobody handles ends it as before. */
export function outliveLateKills(): void {
  process.on('unhandledRejection', (reason) => {
    if (!isLateKill(reason)) throw reason;
  });
}

function isLateKill(reason: unknown): boolean {
  const { code, sql } = (reason ?? {}) as { code?: unknown; sql?: unknown };
  return code === 'ER_NO_SUCH_THREAD' && typeof sql === 'string' && /^KILL \d+/.test(sql);
}
