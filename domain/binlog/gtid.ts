/** Global transaction ids, and how far a server has come in each domain. */

export interface Gtid {
  domainId: number;
  serverId: number;
  seqNo: bigint;
}

/** @example gtidText({ domainId: 0, serverId: 1, seqNo: 10n }) // '0-1-10' */
export function gtidText({ domainId, serverId, seqNo }: Gtid): string {
  return `${domainId}-${serverId}-${seqNo}`;
}

const gtidRule = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;

/**
 * @returns undefined when it is none
 * @example parseGtid('0-1-10') // { domainId: 0, serverId: 1, seqNo: 10n }
 */
export function parseGtid(text: string): Gtid | undefined {
  const [, domain, server, sequence] = gtidRule.exec(text.trim()) ?? [];
  if (domain === undefined || server === undefined || sequence === undefined) return undefined;
  return { domainId: Number(domain), serverId: Number(server), seqNo: BigInt(sequence) };
}

/**
 * Reads what `gtid_binlog_pos` and `gtid_slave_pos` look like. Nothing between two commas is nothing.
 *
 * @returns undefined when it is no list of GTIDs; an empty one for an empty text
 */
export function parseGtids(text: string): Gtid[] | undefined {
  const found: Gtid[] = [];
  for (const one of text.split(',')) {
    if (one.trim() === '') continue;
    const gtid = parseGtid(one);
    if (!gtid) return undefined;
    found.push(gtid);
  }
  return found;
}

/**
 * The state of a binlog: of each domain the last transaction of each server in it. Each file begins with it, and every
 * transaction in the file advances it; that the next file begins with what came out proves that nothing is missing
 * between the two.
 */
export class GtidState {
  /** By domain; within it by server, the newest of all last. */
  readonly #domains = new Map<number, Map<number, Gtid>>();

  /** @param gtids as a Gtid_list event has them */
  constructor(gtids: readonly Gtid[] = []) {
    for (const gtid of gtids) this.advance(gtid);
  }

  advance(gtid: Gtid): void {
    let servers = this.#domains.get(gtid.domainId);
    if (!servers) this.#domains.set(gtid.domainId, (servers = new Map<number, Gtid>()));
    // Taken out first, so that it stands last.
    servers.delete(gtid.serverId);
    servers.set(gtid.serverId, gtid);
  }

  /** By domain and, in a domain, by server, but the newest of the domain last. The server's own lists have no order of domains. */
  list(): Gtid[] {
    const domains = [...this.#domains].toSorted(([a], [b]) => a - b);
    return domains.flatMap(([, servers]) => {
      const gtids = [...servers.values()];
      const newest = gtids.pop();
      const others = gtids.toSorted((a, b) => a.serverId - b.serverId);
      return newest ? [...others, newest] : others;
    });
  }

  /**
   * The newest transaction of each domain, as `gtid_binlog_pos` has it; empty when there was none.
   * @example '0-1-10,5-1-3'
   */
  position(): string {
    const domains = [...this.#domains].toSorted(([a], [b]) => a - b);
    return domains.map(([, servers]) => gtidText([...servers.values()].at(-1)!)).join(',');
  }

  equals(other: GtidState): boolean {
    return this.list().map(gtidText).join() === other.list().map(gtidText).join();
  }
}
