/** A statement as it lies in an event: plain, or compressed by the server (`log_bin_compress`). */
import { constants, inflateSync } from 'node:zlib';
import { textOf } from './bytes.ts';
import { readStatement, type StatementFacts } from './statement.ts';

interface StatementBytes {
  bytes: Uint8Array;
  from: number;
  to: number;
  /** Whether that is all of it. */
  whole: boolean;
  /** It is not compressed. */
  plain: boolean;
}

/** Most say within this what they do to which table. */
const shortBytes = 1024;
/** Of a compressed one. zlib makes at most a thousand times as much of it. */
const compressedBytes = 8 * 1024;

/** @param database in use */
export function statementOf(found: StatementBytes, database: string): StatementFacts {
  const { bytes, whole } = found.plain ? found : inflated(found);
  const [from, to] = found.plain ? [found.from, found.to] : [0, bytes.length];
  if (to - from > shortBytes) {
    const short = readStatement(textOf(bytes, from, from + shortBytes), database, true);
    if (short.known) return short;
  }
  return readStatement(textOf(bytes, from, to), database, !whole);
}

/** What there is of it. The lowest three bits of the first byte say how many bytes tell the length; zlib follows them. */
function inflated({ bytes, from, to, whole }: StatementBytes): Pick<StatementBytes, 'bytes' | 'whole'> {
  const begin = from + 1 + ((bytes[from] ?? 0) & 0x07);
  const end = Math.min(to, begin + compressedBytes);
  try {
    const found = inflateSync(bytes.subarray(begin, end), { finishFlush: constants.Z_SYNC_FLUSH });
    return { bytes: found, whole: whole && end === to };
  } catch {
    return { bytes: new Uint8Array(), whole: false };
  }
}
