/** API keys in the catalog. */
import type { Role } from '../domain/operations.ts';

/** An API key, without the key: only its digest is kept. */
export interface ApiKeyRecord {
  /** Counts from 1. */
  id: number;
  organization: string;
  role: Role;
  /** Who uses it, for people. Not unique. */
  name: string;
  /** The key's first characters, to find its record by. */
  shown: string;
  createdAt: string;
  expiresAt?: string;
  revokedAt?: string;
  /** Within a minute. */
  lastUsedAt?: string;
}

export interface ApiKeyCatalog {
  createApiKey(
    key: Pick<ApiKeyRecord, 'organization' | 'role' | 'name' | 'shown' | 'expiresAt'> & { digest: string },
  ): Promise<ApiKeyRecord>;
  /** Also one that has ended: the caller is told why it is not taken. */
  findApiKey(digest: string): Promise<ApiKeyRecord | undefined>;
  /** In the order of their making; of every organization when none is named. */
  listApiKeys(organization?: string): Promise<ApiKeyRecord[]>;
  /** Ends a key for good. One that was revoked before keeps its time. @throws api_key_not_found */
  revokeApiKey(id: number): Promise<ApiKeyRecord>;
  /** Sets or, without a time, removes the end of a key. @throws api_key_not_found, api_key_revoked */
  expireApiKey(id: number, expiresAt?: string): Promise<ApiKeyRecord>;
  /** Records a use of a key, unless one after `before` is recorded. */
  touchApiKey(id: number, at: string, before: string): Promise<void>;
}
