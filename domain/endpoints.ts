/**
 * Which addresses of their own customers may name for their buckets: those of hosts that the deployment lists, compared
 * after resolving. Without that, a credential would be a way to whatever the agent or the control worker can reach.
 * Pure: who asks brings the way to resolve names.
 */

/**
 * Every address of a name, as text; of an address, itself. Rejects when there is none, with `ENOTFOUND` or `ENODATA` as
 * the error's code, and with any other where that could not be found out.
 */
export type Resolve = (host: string) => Promise<string[]>;

interface Place {
  host: string;
  port: number;
}

const defaultPorts: Record<string, number> = { 'http:': 80, 'https:': 443 };

export const endpointRule = 'a host, or a host and a port: s3.example.com, 10.0.0.7:9000, [fd00::7]:9000';

/** Whether a text can stand in the list: `s3.example.com`, `10.0.0.7:9000`, `[fd00::7]`. */
export function isEndpointEntry(text: string): boolean {
  return (
    /^(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/i.test(text) && entryOf(text, 'https:') !== undefined
  );
}

/**
 * The addresses that a connection to this endpoint may go to, or why there are none, as the end of "…, which".
 * `unknown` is for a moment at which that could not be found out.
 *
 * @param listed hosts as {@link isEndpointEntry} takes them; one without a port means the port of the endpoint's scheme
 * @example await allowedAddresses('https://s3.example.com', ['s3.example.com'], resolve) // { addresses: ['10.0.0.7'] }
 */
export async function allowedAddresses(
  endpoint: string,
  listed: readonly string[],
  resolve: Resolve,
): Promise<{ addresses: string[] } | { refused: string; unknown?: boolean }> {
  const url = URL.parse(endpoint);
  const place = url && placeOf(url);
  if (!url || !place) return { refused: 'is not an address of http or https' };
  const entries = listed.flatMap((text) => entryOf(text, url.protocol) ?? []);
  const near = entries.filter(({ port }) => port === place.port);
  if (near.length === 0) return { refused: notListed };
  const addresses = await addressesOf(place.host, resolve);
  if (addresses === undefined) return unresolved(place.host);
  if (addresses.length === 0) return { refused: 'has no address' };
  // Never a way to what tells a cloud's machines their credentials, whoever names it.
  if (addresses.some((address) => isReserved(address) || isReserved(embedded(address))))
    return { refused: 'leads to an address that is kept for the machine itself' };
  // Of one name two answers in a row may differ, where many servers stand behind it.
  if (near.some(({ host }) => host === place.host)) return { addresses };
  const known = new Set<string>();
  let silent: string | undefined;
  for (const { host } of near) {
    const found = await addressesOf(host, resolve);
    if (found === undefined) silent = host;
    for (const address of found ?? []) known.add(address);
  }
  if (addresses.every((address) => known.has(address))) return { addresses };
  return silent === undefined ? { refused: notListed } : unresolved(silent);
}

function unresolved(host: string): { refused: string; unknown: true } {
  return { refused: `cannot be looked at now: the name ${host} was not resolved`, unknown: true };
}

const notListed = 'is not among the hosts that this deployment allows (external_endpoints)';

function entryOf(text: string, scheme: string): Place | undefined {
  const url = URL.parse(`${scheme}//${text}`);
  return (url && placeOf(url)) ?? undefined;
}

/** The host in its normal form: lower case, numbers of whatever spelling as an address, no dot at its end. */
function placeOf({ protocol, hostname, port, username, password }: URL): Place | undefined {
  const usual = defaultPorts[protocol];
  if (usual === undefined || hostname === '' || username !== '' || password !== '') return undefined;
  return { host: hostname.replace(/\.$/, ''), port: port === '' ? usual : Number(port) };
}

/** None, when the name has none; undefined when the resolver did not say. */
async function addressesOf(host: string, resolve: Resolve): Promise<string[] | undefined> {
  try {
    return (await resolve(host.replace(/^\[(.*)\]$/, '$1'))).map(normalAddress);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
  }
}

/** One spelling for each address; an IPv4 one inside IPv6 is the IPv4 one. */
function normalAddress(address: string): string {
  if (!address.includes(':')) return address;
  const inUrl = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(inUrl ?? '') ?? [];
  return high === undefined || low === undefined ? (inUrl ?? address) : dotted(high, low);
}

/**
 * The IPv4 address that a network's translator would make of an IPv6 one (NAT64, SIIT, 6to4, the old compatible form);
 * empty where there is none.
 */
function embedded(address: string): string {
  const form = /^(?:64:ff9b:(?:1:)?:|::ffff:0:|::|2002:)([0-9a-f]{1,4}):([0-9a-f]{1,4})(?:$|:)/;
  const [, high, low] = form.exec(address) ?? [];
  return high === undefined || low === undefined ? '' : dotted(high, low);
}

/** @param high the first two bytes @param low the other two, in hex */
function dotted(high: string, low: string): string {
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}

/** Link-local, where the clouds' metadata services are, their other places, "this host" and multicast. */
function isReserved(address: string): boolean {
  return /^(0\.|169\.254\.|100\.100\.100\.200$|192\.0\.0\.192$|2(2[4-9]|[3-5]\d)\.|::$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:|fd00:ec2:|fd20:ce:)/.test(
    address,
  );
}
