/** Makes of the settings who may ask. */
import type { Catalog } from '../../catalog/types.ts';
import type { ApiSettings } from '../../config/api.ts';
import type { ApiLog } from '../context.ts';
import { apiKeysIn } from './api-keys.ts';
import { authenticator } from './authenticate.ts';
import type { Authenticate } from './caller.ts';
import { jwtsBy } from './jwt.ts';
import { openJwtKeys } from './jwt-keys.ts';
import { loadTokens } from './tokens-file.ts';

/** @throws invalid_setting for a wrong tokens file, or a group `jwt` that does not fit together */
export async function openAuthentication(
  settings: Pick<ApiSettings, 'tokens_file' | 'jwt'>,
  { catalog, log }: { catalog: Catalog; log: Pick<ApiLog, 'warn'> },
): Promise<Authenticate> {
  const { tokens_file: file, jwt } = settings;
  return authenticator({
    tokens: file === undefined ? undefined : loadTokens(file),
    jwt: jwt && jwtsBy(jwt, await openJwtKeys(jwt, log)),
    apiKeys: apiKeysIn(catalog, log),
  });
}
