/** Where Temporal is, read as Temporal's own tools read it: TEMPORAL_ADDRESS and the rest, or its configuration file. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { messageOf, TidemarkError } from '../domain/errors.ts';

export type TemporalConnection = Pick<
  ReturnType<typeof loadClientConnectConfig>['connectionOptions'],
  'apiKey' | 'metadata' | 'tls'
> & { address: string };

export interface TemporalSettings {
  /** For `Connection` of the client and `NativeConnection` of the worker alike. */
  connectionOptions: TemporalConnection;
  namespace: string;
}

/**
 * The address defaults to 127.0.0.1:7233, the namespace to `default`.
 *
 * @throws invalid_setting when the configuration file, or a certificate that it names, cannot be read
 */
export function loadTemporal(env: Record<string, string | undefined> = process.env): TemporalSettings {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) variables[name] = value;
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: variables });
    const { address, apiKey, metadata, tls } = connectionOptions;
    return {
      connectionOptions: {
        address: address ?? '127.0.0.1:7233',
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(metadata === undefined ? {} : { metadata }),
        ...(tls === undefined ? {} : { tls }),
      },
      namespace: namespace ?? 'default',
    };
  } catch (error) {
    throw new TidemarkError(
      'invalid_setting',
      `Temporal's settings (TEMPORAL_… variables, or its configuration file) are wrong: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
