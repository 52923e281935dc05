/**
 * Chains of backups: a full, and incrementals that each hold what was changed since the one before. Pure, so that the
 * request is refused for the very reason for which the run would be.
 */
import type { ChainSettings } from './service-settings.ts';

/** What is known of a succeeded physical backup without reading its manifest. Times are RFC 3339 in UTC. */
export interface ChainMember {
  id: string;
  /** The id of the backup that it builds on; empty on a full. */
  parent: string;
  createdAt: string;
  storedBytes: number;
  /** Its objects were read back, and not all are what they should be. */
  damaged: boolean;
}

export interface ChainFacts {
  /** All that succeeded of one service in one storage, whatever the order. */
  members: readonly ChainMember[];
  /** When the newest restore to the service, or undoing of one, began; left out when there was none. */
  replacedAt?: string;
}

/** From the full on. */
export type Chain = readonly [ChainMember, ...ChainMember[]];

export interface NoBase {
  /** Why no incremental can be taken: a sentence. */
  reason: string;
  /** Whether one could be taken all the same: it is a limit of the settings that is in the way. */
  limit?: 'max_chain' | 'max_share';
}

/**
 * What the next incremental builds on: the chain that ends with its parent, or why there is none.
 *
 * With the base `last` that is the newest backup of the newest full's chain, else that full itself.
 */
export function chooseBase(
  { members, replacedAt }: ChainFacts,
  { base, maxChain, maxShare }: ChainSettings,
): { chain: Chain } | NoBase {
  const byId = new Map(members.map((member) => [member.id, member]));
  const newestFirst = members.toSorted(later);
  const full = newestFirst.find(({ parent }) => parent === '');
  if (!full) {
    const reason =
      'There is no full backup of this service in this storage that an incremental could build on.';
    return { reason };
  }
  const onFull = newestFirst
    .map((member) => chainTo(member, byId))
    .filter((chain) => chain !== undefined)
    .filter(([first]) => first === full);
  const chain = base === 'full' ? ([full] as const) : onFull[0];
  // The full is a chain by itself.
  if (!chain) throw new Error(`no chain leads to ${full.id}`);
  const last = chain.at(-1) ?? full;
  const damaged = chain.find((member) => member.damaged);
  if (damaged)
    return { reason: `The backup ${damaged.id}, which an incremental would build on, is damaged.` };
  if (replacedAt !== undefined && replacedAt >= last.createdAt) {
    return { reason: `The service was restored after the backup ${last.id} was taken.` };
  }
  // A chain is as long as the incrementals that a restore would apply.
  if (chain.length > maxChain) {
    return {
      reason: `The chain has ${chain.length - 1} incrementals on its full ${full.id}, and max_chain is ${maxChain}.`,
      limit: 'max_chain',
    };
  }
  const changed =
    base === 'full'
      ? (onFull.find((other) => other.length > 1)?.at(-1)?.storedBytes ?? 0)
      : chain.slice(1).reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  if (changed * 100 > full.storedBytes * maxShare) {
    return {
      reason: `The incrementals on the full ${full.id} have ${changed} bytes, more than max_share, ${maxShare} %, of its ${full.storedBytes}.`,
      limit: 'max_share',
    };
  }
  return { chain };
}

/** The chain that ends with a backup; undefined where one of those that it needs is not there. */
function chainTo(member: ChainMember, byId: ReadonlyMap<string, ChainMember>): Chain | undefined {
  let chain: [ChainMember, ...ChainMember[]] = [member];
  while (chain[0].parent !== '') {
    const parent = byId.get(chain[0].parent);
    if (!parent || chain.includes(parent)) return undefined;
    chain = [parent, ...chain];
  }
  return chain;
}

/** For sorting, newest first. By the time of the order, which one clock gave, whatever the hosts' clocks say. */
function later(a: ChainMember, b: ChainMember): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}

/** What a manifest says of where a backup begins and ends. */
interface Stretch {
  backupId: string;
  lineage: { parent: string; server: string; fromLsn: number; toLsn: number };
}

/** Why `next` does not go on where `before` ends, a sentence; undefined when it does. */
export function chainGap(before: Stretch, next: Stretch): string | undefined {
  const { parent, server, fromLsn } = next.lineage;
  const goesOn =
    parent === before.backupId && server === before.lineage.server && fromLsn === before.lineage.toLsn;
  return goesOn ? undefined : `The backup ${next.backupId} does not go on where ${before.backupId} ends.`;
}
