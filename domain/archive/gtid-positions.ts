/** States of a binlog as text, `0-1-10,5-2-3`: the newest transaction of each domain. */
import { TidemarkError } from '../errors.ts';
import { type Gtid, gtidText } from '../binlog/gtid.ts';

const gtidRule = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;

/** @example parseGtid('0-1-10') // { domainId: 0, serverId: 1, seqNo: 10n } */
export function parseGtid(text: string): Gtid | undefined {
  const [, domain, server, sequence] = gtidRule.exec(text.trim()) ?? [];
  if (domain === undefined || server === undefined || sequence === undefined) return undefined;
  return { domainId: Number(domain), serverId: Number(server), seqNo: BigInt(sequence) };
}

/** By domain. @throws invalid_request when it is no state */
export function parseGtids(text: string): Map<number, Gtid> {
  const gtids = text.split(',').filter((part) => part.trim() !== '');
  return new Map(
    gtids.map((part) => {
      const gtid = parseGtid(part);
      if (!gtid) {
        throw new TidemarkError(
          'invalid_request',
          `"${text.slice(0, 200)}" is not a list of GTIDs. Write it like 0-1-10,5-2-3.`,
        );
      }
      return [gtid.domainId, gtid];
    }),
  );
}

/** Whether two states are the same, whatever the order of their domains. */
export function sameGtids(a: string, b: string): boolean {
  if (a === b) return true;
  const [one, other] = [parseGtids(a), parseGtids(b)];
  return (
    one.size === other.size &&
    [...one].every(([domain, gtid]) => {
      const twin = other.get(domain);
      return twin !== undefined && gtidText(twin) === gtidText(gtid);
    })
  );
}

/** Whether everything of `earlier` is in `later`, going by the sequence numbers of each domain. */
export function reaches(later: ReadonlyMap<number, Gtid>, earlier: ReadonlyMap<number, Gtid>): boolean {
  return [...earlier].every(([domain, { seqNo }]) => (later.get(domain)?.seqNo ?? -1n) >= seqNo);
}
