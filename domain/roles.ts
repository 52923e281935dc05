/** The names of roles, as people and identity providers write them. */
import { type Role, roles } from './operations.ts';

/** The names that are understood, for messages. */
export const roleNames = `${roles.join(', ')} and member (the same as operator)`;

/** Role names are compared without case; `member` is another name of `operator`. */
export function parseRole(name: string): Role | undefined {
  const lower = name.toLowerCase();
  return lower === 'member' ? 'operator' : roles.find((role) => role === lower);
}

/**
 * The role that allows most among these names; those of other programs are passed over.
 *
 * @example highestRole(['Viewer', 'uma_authorization', 'MEMBER']) // 'operator'
 */
export function highestRole(names: readonly string[]): Role | undefined {
  const known = new Set(names.map(parseRole));
  return roles.findLast((role) => known.has(role));
}
