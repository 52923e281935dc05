/** What earlier restores have left beside a server's data for a while: it may stand in the way of the next one. */

export interface KeptData {
  restoreId: number;
  /** What the restore had replaced, so that it can be undone; or what it had put there, before it was undone. */
  what: 'replaced' | 'restored';
  directory: string;
  /** What it takes on its file system. */
  bytes: number;
  /** When it is removed at the latest. */
  until: string;
}

/** A sentence that names all of it, after a space; empty where there is nothing. */
export function keptSentence(kept: readonly KeptData[] = []): string {
  if (kept.length === 0) return '';
  const each = kept.map(({ restoreId, what, directory, bytes, until }) => {
    const name = what === 'replaced' ? 'replaced' : 'had put there before it was undone';
    return `${bytes} bytes in ${directory} until ${until}, what restore ${restoreId} ${name}`;
  });
  return ` Kept there: ${each.join('; ')}. Remove what is not needed of it.`;
}
