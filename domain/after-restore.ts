/** What a person should know once the data of a server was replaced. */

/**
 * @param hosts that replicated from it
 * @example replicasLeft(['10.0.0.7'])
 * // ['A replica has other data than the server now and must be built anew from it: 10.0.0.7.']
 */
export function replicasLeft(hosts: readonly string[] = []): string[] {
  if (hosts.length === 0) return [];
  const known = hosts.slice(0, 20).join(', ');
  const others = hosts.length > 20 ? ` and ${hosts.length - 20} more` : '';
  const what =
    hosts.length === 1
      ? 'A replica has other data than the server now'
      : 'Replicas have other data than the server now';
  return [`${what} and must be built anew from it: ${known}${others}.`];
}
