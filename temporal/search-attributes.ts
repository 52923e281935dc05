/** Our search attributes, made where they are missing, so that operations can be found by service in Temporal's UI. */
import { type Client, isGrpcServiceError } from '@temporalio/client';
import { searchAttributeNames } from '../domain/ids.ts';
import { TidemarkError } from '../domain/errors.ts';

const keyword = 2; // INDEXED_VALUE_TYPE_KEYWORD

/** @throws invalid_setting on a server that only lets its administrator make them, naming what is missing */
export async function ensureSearchAttributes(client: Client): Promise<void> {
  const { namespace } = client.options;
  const { operatorService } = client.connection;
  let missing: readonly string[] = searchAttributeNames;
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    missing = searchAttributeNames.filter((name) => !Object.hasOwn(customAttributes ?? {}, name));
    if (missing.length === 0) return;
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, keyword]));
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error;
    if (error.code === 6) return; // ALREADY_EXISTS: another worker was first.
    if (error.code !== 7 && error.code !== 16) throw error; // PERMISSION_DENIED, UNAUTHENTICATED: Temporal Cloud.
    throw new TidemarkError(
      'invalid_setting',
      `The Temporal namespace ${namespace} may lack the search attributes ${missing.join(', ')} (Keyword), and this ` +
        'process may not look or make them. Let an administrator of the namespace see to them.',
    );
  }
}
