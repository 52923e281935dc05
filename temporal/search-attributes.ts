/** Our search attributes, made where they are missing, so that operations can be found by service in Temporal's UI. */
import { type Client, isGrpcServiceError } from '@temporalio/client';
import { searchAttributeNames } from '../domain/ids.ts';
import type { Log } from '../domain/log.ts';

const keyword = 2; // INDEXED_VALUE_TYPE_KEYWORD

/** A server that only lets its administrator look or make them is told of in the log: a start names what is missing. */
export async function ensureSearchAttributes(client: Client, log: Log): Promise<void> {
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
    log.warn(
      { namespace, searchAttributes: missing },
      'These search attributes (Keyword) cannot be looked for or made with this access: see that the namespace has them.',
    );
  }
}
