/** The names that bringing back part of a backup gives to what is there for a while. */
import { createHash } from 'node:crypto';

/** A name in a statement. */
export function quoted(...parts: readonly string[]): string {
  return parts.map((part) => `\`${part.replaceAll('`', '``')}\``).join('.');
}

/** The name behind a quoted one. */
export function unquoted(name: string): string {
  return name.slice(1, -1).replaceAll('``', '`');
}

/**
 * What all names of one restore begin with: its workflow is known by it, so that restores of other catalogs have others.
 *
 * @example tagOf({ restoreId: 7, workflowId: 'restore/7/1a2b3c4d' }) // 'tidemark_7_5f0c2b1e'
 */
export function tagOf({ restoreId, workflowId }: { restoreId: number; workflowId: string }): string {
  const digest = createHash('sha256').update(workflowId).digest('hex').slice(0, 8);
  return `tidemark_${restoreId}_${digest}`;
}
