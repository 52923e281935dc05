/**
 * Credentials of a customer's bucket, as they are handed in: an AWS credentials file or a Google service account's
 * key. Pure. What is wrong is told without a word of what the credentials hold.
 */
import { createPrivateKey } from 'node:crypto';

/** The clouds that have buckets, by the scheme of their addresses. */
export const cloudNames = { s3: 'Amazon S3', gs: 'Google Cloud Storage' } as const;
export type BucketScheme = keyof typeof cloudNames;

export interface S3Credentials {
  scheme: 's3';
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  region?: string;
  endpointUrl?: string;
}

/** Of the key's addresses none is kept: Google's own are used. */
export interface GcsCredentials {
  scheme: 'gs';
  clientEmail: string;
  privateKey: string;
  projectId?: string;
}

export type StorageCredentials = S3Credentials | GcsCredentials;

/** What a restore of a backup that Tidemark did not make brings of secrets, as the catalog keeps it sealed. */
export interface SourceSecrets {
  /** Left out for the managed storage, which the agent has its own for. */
  credentials?: StorageCredentials;
  /** A passphrase, or an age identity. */
  encryptionKey?: string;
}

/** What the credentials of a bucket are sealed for in the catalog: moved to another row, they do not open. */
export function bucketContext(bucketId: string): string {
  return `external bucket ${bucketId}`;
}

/** What is wrong, as a phrase that completes "has to be …": `credentials in base64 (…)`. */
interface Wrong {
  wrong: string;
}

/** Characters. Google's own keys have 1,700; what goes to an agent has room for no more than this, see sealForAgent. */
const longestKey = 16_384;
const longestProject = 200;
const inBase64 = 'credentials in base64';
const s3Rule = 'an AWS credentials file in base64';
const gcsRule = "a Google service account's JSON key in base64";

/**
 * @param given base64 text, in lines if wanted, or the decoded bytes as numbers
 * @example parseCredentials('W2RlZmF1bHRd…') // { scheme: 's3', accessKeyId: … } or { wrong: … }
 */
export function parseCredentials(given: string | readonly number[]): StorageCredentials | Wrong {
  const bytes = typeof given === 'string' ? fromBase64(given) : Uint8Array.from(given);
  if (!bytes) return { wrong: inBase64 };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { wrong: `${inBase64} (what is in them now is no text in UTF-8)` };
  }
  const trimmed = text.trim();
  if (trimmed === '') return { wrong: `${inBase64} (what is in them now is empty)` };
  return /^\{\s*["}]/.test(trimmed) ? parseGoogleKey(trimmed) : parseAwsFile(trimmed);
}

function fromBase64(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 !== 0) return undefined;
  return Uint8Array.from(atob(compact), (character) => character.charCodeAt(0));
}

type AwsKey = 'aws_access_key_id' | 'aws_secret_access_key' | 'aws_session_token' | 'region' | 'endpoint_url';

/** Every key that is read, with the form of its value. Any other could make an AWS library run a program. */
const awsForms: Record<AwsKey, RegExp> = {
  aws_access_key_id: /^[\w-]{3,128}$/,
  aws_secret_access_key: /^[\x21-\x7e]{3,256}$/,
  aws_session_token: /^[\x21-\x7e]{1,8192}$/,
  region: /^[a-z0-9-]{1,64}$/i,
  endpoint_url: /^https?:\/\/[^\s@/?#]+(\/[^\s@?#]*)?$/i,
};

function parseAwsFile(text: string): S3Credentials | Wrong {
  const wrong = (why: string): Wrong => ({ wrong: `${s3Rule} (${why})` });
  // Published examples are made by an `echo` that can leave "\n" as two characters, or stand in braces.
  const bare = text.replace(/^\{([^]*)\}$/, '$1').replaceAll('\\n', '\n');
  const values: Partial<Record<AwsKey, string>> = {};
  for (const [index, content] of bare.split(/\r?\n/).entries()) {
    const line = content.trim();
    if (line === '' || /^[#;]/.test(line)) continue;
    if (/^\[\s*default\s*\]$/i.test(line)) continue;
    if (line.startsWith('[')) return wrong(`line ${index + 1} begins another section than [default]`);
    const equals = line.indexOf('=');
    const key = (equals < 0 ? line : line.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : line.slice(equals + 1).trim();
    if (!isAwsKey(key)) return wrong(`${called(equals < 0 ? '' : key, index)} is not allowed in it`);
    if (values[key] !== undefined) return wrong(`${key} is there twice`);
    if (!awsForms[key].test(value)) return wrong(`the value of ${key} has not the form of one`);
    values[key] = value;
  }
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = values;
  if (accessKeyId === undefined) return wrong('aws_access_key_id is missing');
  if (secretAccessKey === undefined) return wrong('aws_secret_access_key is missing');
  return {
    scheme: 's3',
    accessKeyId,
    secretAccessKey,
    ...(values.aws_session_token !== undefined && { sessionToken: values.aws_session_token }),
    ...(values.region !== undefined && { region: values.region }),
    ...(values.endpoint_url !== undefined && { endpointUrl: values.endpoint_url }),
  };
}

function isAwsKey(key: string): key is AwsKey {
  return Object.hasOwn(awsForms, key);
}

/** A key by its name, unless that may be something else: a line that was broken at a wrong place can be a secret. */
function called(key: string, index: number): string {
  return /^(s3|[a-z]+(_[a-z]+)*)$/.test(key) && key.length <= 40 ? key : `what line ${index + 1} says`;
}

function parseGoogleKey(text: string): GcsCredentials | Wrong {
  const wrong = (why: string): Wrong => ({ wrong: `${gcsRule} (${why})` });
  const fields = objectOf(text) ?? objectOf(escapeLineEnds(text));
  if (!fields) return wrong('what is in it now is no JSON');
  const { type, client_email: email, private_key: key, project_id: project } = fields;
  if (type !== 'service_account') return wrong('its type is not service_account');
  if (typeof email !== 'string' || !/^[^\s@]{1,128}@[^\s@]{1,255}$/.test(email)) {
    return wrong('client_email is missing or is no address');
  }
  const pem = /^\s*-----BEGIN (RSA )?PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+-----END (RSA )?PRIVATE KEY-----\s*$/;
  if (typeof key !== 'string' || key.length > longestKey || !pem.test(key) || !signs(key)) {
    return wrong('private_key is missing or is no RSA key in PEM');
  }
  return {
    scheme: 'gs',
    clientEmail: email,
    privateKey: key,
    ...(typeof project === 'string' && project.length <= longestProject && { projectId: project }),
  };
}

/** Whether it is a key that tokens can be asked for with: what is cut short is told now, and not by the first backup. */
function signs(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Some shells' `echo` makes real line ends of the `\n` inside the private key: back to what JSON takes. */
function escapeLineEnds(text: string): string {
  return text.replace(/"(?:[^"\\]|\\[^])*"/g, (string) =>
    string.replaceAll('\r\n', '\\n').replaceAll('\n', '\\n'),
  );
}

/**
 * Why these credentials do not fit a bucket's address, as a phrase that completes "has to be …"; undefined: they fit.
 *
 * @example mismatch('s3', 'my_bucket', google) // "… (these credentials are a Google service account: write gs://my_bucket)"
 */
export function mismatch(
  scheme: BucketScheme,
  bucket: string,
  credentials: StorageCredentials,
): string | undefined {
  if (credentials.scheme === scheme) return undefined;
  const are = credentials.scheme === 'gs' ? 'a Google service account' : 'an AWS credentials file';
  return `credentials for ${cloudNames[scheme]} (these credentials are ${are}: write ${credentials.scheme}://${bucket})`;
}
