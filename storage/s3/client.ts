/** A client of S3 that asks once, waits for nothing for ever, and finds region and credentials as AWS's own tools do. */
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { s3Endpoint, type StorageOptions } from '../../config/storage.ts';
import { thriftyAgents } from '../network/agents.ts';

/**
 * Whether the environment or the machine has a service that hands out credentials: on a bad moment it has none, and
 * AWS's own chain does not tell that from a machine that never had any.
 *
 * @param vendor of the machine as its firmware has it, which is how AWS tells its own machines
 */
export function hasCredentialsService(
  env: Record<string, string | undefined> = process.env,
  vendor: string = firmwareVendor(),
): boolean {
  if (env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'] || env['AWS_CONTAINER_CREDENTIALS_FULL_URI']) return true;
  const disabled = env['AWS_EC2_METADATA_DISABLED'] ?? 'false';
  return vendor === 'Amazon EC2' && disabled === 'false';
}

function firmwareVendor(): string {
  try {
    return readFileSync('/sys/class/dmi/id/sys_vendor', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Of somebody else's bucket; for the deployment's own the default chain is asked. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** Resolves the host of the endpoint, and leads nowhere that is not allowed. */
  lookup?: LookupFunction;
}

/** Milliseconds. */
const connectTimeoutMs = 10_000;
/** How long a connection may carry nothing while a request is under way. Milliseconds. */
const silenceTimeoutMs = 30_000;
/** What the servers of other makers call theirs; Amazon's own name the right one in their refusal. */
const usualRegion = 'us-east-1';

/** The client; nothing is asked of the store yet. */
export async function s3Client(options: StorageOptions, credentials?: S3Credentials): Promise<S3Client> {
  const lookup = credentials?.lookup;
  const agents = thriftyAgents({
    keepAlive: true,
    maxSockets: options.parallel_requests,
    // An idle connection ends, so that nothing is left of a client that nobody uses any more.
    timeout: silenceTimeoutMs,
    ...(lookup && { lookup }),
  });
  // What the environment names is the deployment's own, and no place for credentials of others.
  const region = options.region ?? (credentials && usualRegion);
  const custom = options.endpoint ?? (credentials ? undefined : s3Endpoint());
  const endpoint = custom ?? (credentials && amazonEndpoint(region ?? usualRegion));
  const config: S3ClientConfig = {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // The environment may ask for other addresses of Amazon's, which are the deployment's own affair, too.
    ...(credentials && {
      credentials: awsKeys(credentials),
      useFipsEndpoint: false,
      useDualstackEndpoint: false,
    }),
    forcePathStyle: options.path_style ?? custom !== undefined,
    // Trying again is a decorator's; a second one in here would multiply with it, and know no deadline.
    maxAttempts: 1,
    followRegionRedirects: false,
    // The wait for "100 Continue" takes a connection of its own for every part.
    expectContinueHeader: false,
    requestChecksumCalculation: options.checksums === 'when_supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: silenceTimeoutMs,
      requestTimeout: options.request_timeout,
      throwOnRequestTimeout: true,
      httpAgent: agents.http,
      httpsAgent: agents.https,
    },
  };
  const client = new S3Client(config);
  try {
    await client.config.region();
    return client;
  } catch {
    return new S3Client({ ...config, region: usualRegion });
  }
}

function awsKeys({
  accessKeyId,
  secretAccessKey,
  sessionToken,
}: S3Credentials): S3ClientConfig['credentials'] {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

function amazonEndpoint(region: string): string {
  return `https://s3.${region.toLowerCase()}.amazonaws.com${/^cn-/i.test(region) ? '.cn' : ''}`;
}
