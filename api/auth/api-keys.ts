/**
 * Callers with an API key. The catalog is asked at every request, so that a key which was revoked or has expired
 * ends at once, whichever api process is asked.
 */
import type { ApiKeyRecord } from '../../catalog/api-key-types.ts';
import type { Catalog } from '../../catalog/types.ts';
import { apiKeyDigest } from '../../domain/api-keys.ts';
import { age } from '../../domain/ages.ts';
import type { ApiLog } from '../context.ts';
import { type Caller, unauthorized } from './caller.ts';

/** A key's last use is written down this often at most: lists are for finding keys that nobody uses. Milliseconds. */
const touchMs = 60_000;

type Keys = Pick<Catalog, 'findApiKey' | 'touchApiKey'>;

/** @returns what tells the caller of an API key. @throws unauthorized, catalog_unavailable */
export function apiKeysIn(catalog: Keys, log: Pick<ApiLog, 'warn'>): (key: string) => Promise<Caller> {
  /** Not waited for: an answer does not depend on it. */
  function touch({ id, lastUsedAt }: ApiKeyRecord, now: number): void {
    if (lastUsedAt !== undefined && now - Date.parse(lastUsedAt) < touchMs) return;
    const before = new Date(now - touchMs).toISOString();
    catalog.touchApiKey(id, new Date(now).toISOString(), before).catch((error: unknown) => {
      log.warn({ key: id, err: error }, "an API key's last use could not be recorded");
    });
  }

  return async (key) => {
    const record = await catalog.findApiKey(apiKeyDigest(key));
    if (!record) throw unauthorized('The API key is not known here.');
    const now = Date.now();
    refuseEnded(record, now);
    touch(record, now);
    const { organization, role, name, expiresAt } = record;
    return {
      organization,
      role,
      subject: name,
      how: 'api_key',
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
  };
}

function refuseEnded({ shown, revokedAt, expiresAt }: ApiKeyRecord, now: number): void {
  const end =
    revokedAt !== undefined
      ? ({ how: 'was revoked', at: revokedAt } as const)
      : expiresAt !== undefined && Date.parse(expiresAt) <= now
        ? ({ how: 'has expired', at: expiresAt } as const)
        : undefined;
  if (!end) return;
  throw unauthorized(
    `The API key ${shown}… ${end.how} ${age(now - Date.parse(end.at))} ago: ask an administrator for a new one.`,
  );
}
