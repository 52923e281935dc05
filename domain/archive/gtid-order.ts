/** GTID positions, such as `0-1-10,5-1-3`, against one another: how far a binlog had come in each domain. */

/** By domain, the newest transaction. */
type Newest = Map<string, { text: string; seqNo: bigint }>;

function parse(position: string): Newest {
  const gtids = position.split(',').filter((text) => text !== '');
  return new Map(
    gtids.map((text) => {
      const [domain = '', , seqNo = '0'] = text.trim().split('-');
      return [domain, { text: text.trim(), seqNo: BigInt(seqNo) }];
    }),
  );
}

/**
 * How a position stands to another: `behind` when it has come no further in any domain and less far in one, `ahead` the
 * other way round, `other` when neither holds, or a domain has come as far with the transaction of another server.
 *
 * @example compareGtids('0-1-9', '0-1-10,5-1-3') // 'behind'
 */
export function compareGtids(one: string, another: string): 'same' | 'behind' | 'ahead' | 'other' {
  const [left, right] = [parse(one), parse(another)];
  let [less, more] = [false, false];
  for (const domain of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(domain), right.get(domain)];
    if (a?.text === b?.text) continue;
    const [reachedA, reachedB] = [a?.seqNo ?? -1n, b?.seqNo ?? -1n];
    if (reachedA === reachedB) return 'other';
    if (reachedA < reachedB) less = true;
    else more = true;
  }
  if (less && more) return 'other';
  if (less) return 'behind';
  return more ? 'ahead' : 'same';
}
