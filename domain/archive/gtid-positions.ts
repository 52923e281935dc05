/** States of a binlog as text, `0-1-10,5-2-3`: the newest transaction of each domain. */
import { TidemarkError } from '../errors.ts';
import { type Gtid, gtidText, parseGtids } from '../binlog/gtid.ts';

/** By domain. @throws invalid_request when it is no state */
export function gtidsByDomain(text: string): Map<number, Gtid> {
  const gtids = parseGtids(text);
  if (!gtids) {
    throw new TidemarkError(
      'invalid_request',
      `"${text.slice(0, 200)}" is not a list of GTIDs. Write it like 0-1-10,5-2-3.`,
    );
  }
  return new Map(gtids.map((gtid) => [gtid.domainId, gtid]));
}

/** Whether two states are the same, whatever the order of their domains. */
export function sameGtids(a: string, b: string): boolean {
  if (a === b) return true;
  const [one, other] = [gtidsByDomain(a), gtidsByDomain(b)];
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
  for (const [domain, { seqNo }] of earlier) {
    const reached = later.get(domain);
    if (reached === undefined || reached.seqNo < seqNo) return false;
  }
  return true;
}
