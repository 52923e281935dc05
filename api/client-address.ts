/** Where a request comes from. What a proxy says of it is believed only of proxies that the settings name. */
import { BlockList, isIP, isIPv6 } from 'node:net';

/** @example const addressOf = clientAddress(['10.0.0.0/8', '::1']) */
export type ClientAddress = (connected: string | undefined, forwardedFor: string | undefined) => string;

/**
 * @param trusted addresses and networks of proxies, as the settings take them: 10.0.0.7, 10.0.0.0/8, fd00::/8
 * @returns the address of the client: of the chain client, proxy, proxy … the last one that is no trusted proxy
 */
export function clientAddress(trusted: readonly string[]): ClientAddress {
  const proxies = new BlockList();
  for (const network of trusted) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(prefix), family);
  }
  const isTrusted = (address: string): boolean => proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return (connected, forwardedFor) => {
    let address = plain(connected ?? '');
    if (address === '') return 'unknown';
    const chain = (forwardedFor ?? '').split(',').map((hop) => plain(hop.trim()));
    while (isTrusted(address)) {
      const before = chain.pop() ?? '';
      // A proxy that says something else than an address is the last one that can be told.
      if (isIP(before) === 0) break;
      address = before;
    }
    return address;
  };
}

/**
 * Who shares a limit: an IPv4 address, or the /64 network of an IPv6 one, since whoever has one address of it has
 * all 2^64.
 */
export function limitedAs(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  const all = [...groups, ...Array.from({ length: gap }, () => '0'), ...after];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`;
}

/** Without a zone, and an IPv4 address that came over an IPv6 socket as what it is. */
function plain(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
}
