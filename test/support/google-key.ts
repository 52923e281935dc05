/** A service account's JSON key as Google hands it out, with a key that was made for this run alone. */
import { generateKeyPairSync } from 'node:crypto';

export interface GoogleKey {
  /** As the file has it. */
  text: string;
  /** In base64, as requests bring it. */
  credentials: string;
  privateKey: string;
  email: string;
}

/** @param fields in place of, or beside, what such a key has */
export function googleKey(fields: Record<string, unknown> = {}): GoogleKey {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const email = 'backup-writer@my-project.iam.gserviceaccount.com';
  const key = {
    type: 'service_account',
    project_id: 'my-project',
    private_key_id: 'abc',
    private_key: privateKey,
    client_email: email,
    ...fields,
  };
  const text = JSON.stringify(key, null, 2);
  return { text, credentials: Buffer.from(text).toString('base64'), privateKey, email };
}
