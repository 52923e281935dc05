/** Resolving the host of an endpoint that a customer named: a connection goes where that is allowed, and nowhere else. */
import { lookup as resolveName } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { allowedAddresses, type Resolve } from '../domain/endpoints.ts';
import { TidemarkError } from '../domain/errors.ts';

/** Every address of a host, by the resolver of the system. */
async function addressesOf(host: string): Promise<string[]> {
  return (await resolveName(host, { all: true })).map(({ address }) => address);
}

/** @throws endpoint_refused; storage_unavailable when it cannot be found out at the moment */
export async function requireAllowed(
  endpoint: string,
  listed: readonly string[],
  resolve: Resolve = addressesOf,
): Promise<string[]> {
  const answer = await allowedAddresses(endpoint, listed, resolve);
  if ('addresses' in answer) return answer.addresses;
  if (answer.unknown) {
    throw new TidemarkError(
      'storage_unavailable',
      `The credentials name ${endpoint} as endpoint_url, which ${answer.refused}.`,
    );
  }
  throw new TidemarkError(
    'endpoint_refused',
    `The credentials name ${endpoint} as endpoint_url, which ${answer.refused}.`,
  );
}

/** Asked for each connection, so that a name whose address changed after it was checked leads nowhere else. */
export function guardedLookup(
  endpoint: string,
  listed: readonly string[],
  resolve: Resolve = addressesOf,
): LookupFunction {
  const own = new URL(endpoint).hostname;
  const resolveAgain: Resolve = async (host) => {
    try {
      return await resolve(host);
    } catch (error) {
      // It had an address when it was checked: that there is none now may pass.
      if (host === own) throw new Error('no address any more', { cause: error });
      throw error;
    }
  };
  return (_host, options, answer) => {
    requireAllowed(endpoint, listed, resolveAgain).then(
      (addresses) => {
        const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const [first] = all;
        if (options.all) answer(null, all);
        else answer(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => answer(error as NodeJS.ErrnoException, []),
    );
  };
}
