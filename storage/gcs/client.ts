/** A client of Google Cloud Storage that asks once, and finds its credentials as Google's own tools do. */
import { Storage, type StorageOptions as ClientOptions } from '@google-cloud/storage';
import { gcsEmulator } from '../../config/storage.ts';

/** Of somebody else's bucket; for the deployment's own the default chain is asked. */
export interface GcsCredentials {
  client_email: string;
  private_key: string;
}

export interface GcsClientOptions {
  /** The address of a server that is not Google's own: `http://127.0.0.1:4443`; default: STORAGE_EMULATOR_HOST. */
  endpoint?: string | undefined;
  credentials?: GcsCredentials | undefined;
}

export interface GcsClient {
  storage: Storage;
  /** Requests carry a token. One is never sent in the clear, or to an emulator. */
  authenticated: boolean;
  /** Requests and answers are encrypted on their way, so that no byte of them can change. */
  encrypted: boolean;
}

/** The client; nothing is asked of the store yet. */
export function gcsClient({ endpoint, credentials }: GcsClientOptions): GcsClient {
  const emulator = endpoint === undefined ? gcsEmulator() : undefined;
  const address = endpoint ?? emulator;
  const encrypted = address === undefined || address.startsWith('https:');
  const authenticated = encrypted && emulator === undefined;
  const options: ClientOptions = {
    ...(address !== undefined && { apiEndpoint: address }),
    useAuthWithCustomEndpoint: authenticated,
    ...(credentials && { credentials }),
    // The client puts a project's name wherever it finds {{projectId}}, in names of objects, too. This one is
    // replaced by itself.
    projectId: '$&',
    // Trying again is a decorator's; a second one in here would multiply with it, and know no deadline.
    retryOptions: { autoRetry: false, maxRetries: 0 },
  };
  const storage = new Storage(options);
  // With STORAGE_EMULATOR_HOST the client leaves the path out, and asks that host whatever the options say.
  storage.baseUrl = `${storage.apiEndpoint}/storage/v1`;
  return { storage, authenticated, encrypted };
}
