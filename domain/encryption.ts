/** For whom backups are encrypted, and whether one may be taken that is not. */
import { TidemarkError } from './errors.ts';

export const unencryptedChoices = ['allowed', 'refused'] as const;

export interface EncryptionPolicy {
  /** age public keys: whoever has the identity of one of them can open the backup. */
  recipients: string[];
  /** What becomes of a backup without any recipient. */
  unencrypted: (typeof unencryptedChoices)[number];
}

/** What nobody has set. */
export const noEncryption: EncryptionPolicy = { recipients: [], unencrypted: 'allowed' };

/** Several policies together: what one asks for, none of the others takes away. */
export function joinedEncryption(...policies: EncryptionPolicy[]): EncryptionPolicy {
  return {
    recipients: [...new Set(policies.flatMap(({ recipients }) => recipients))],
    unencrypted: policies.some(({ unencrypted }) => unencrypted === 'refused') ? 'refused' : 'allowed',
  };
}

/** @throws encryption_required when a backup under this policy would have to be encrypted and is for nobody */
export function requireRecipients({ recipients, unencrypted }: EncryptionPolicy, serviceId: string): void {
  if (recipients.length > 0 || unencrypted === 'allowed') return;
  throw new TidemarkError(
    'encryption_required',
    `Backups that are not encrypted are refused, and nobody is named for whom those of ${serviceId} would be encrypted. ` +
      `Name age recipients: encryption.recipients in PATCH /services/${serviceId}, recipients in the settings of the api ` +
      "and the control workers, or backup.recipients in the agent's.",
  );
}

/**
 * Asked before an agent is given an order that it would not heed: one of an earlier version obeys its own settings
 * alone, and what it stored by these would stay in the store.
 *
 * @param heeds whether the agent says what it does about encryption
 * @throws encryption_required
 */
export function requireHeeding(ordered: EncryptionPolicy, heeds: boolean, serviceId: string): void {
  if (heeds || (ordered.recipients.length === 0 && ordered.unencrypted === 'allowed')) return;
  const whom = ordered.recipients.length === 0 ? 'somebody' : ordered.recipients.join(', ');
  throw new TidemarkError(
    'encryption_required',
    `Backups of ${serviceId} are to be encrypted for ${whom}, and its agent is of an earlier version, which would not ` +
      'do so. Nothing was stored. Upgrade the agent and take another backup.',
  );
}

/**
 * Whether a backup is encrypted as was ordered: an agent of a version that knows nothing of orders obeys its own
 * settings alone.
 *
 * @param recipients for whom it is, by its manifest
 * @throws encryption_required
 */
export function requireEncryptedFor(ordered: EncryptionPolicy, recipients: string[]): void {
  const forgotten = ordered.recipients.filter((recipient) => !recipients.includes(recipient));
  const isOpen = recipients.length === 0 && ordered.unencrypted === 'refused';
  if (forgotten.length === 0 && !isOpen) return;
  const whom = forgotten.length === 0 ? 'anybody' : forgotten.join(', ');
  throw new TidemarkError(
    'encryption_required',
    `The agent took the backup without encrypting it for ${whom}: it is of an earlier version. Upgrade the agent and ` +
      'take another backup. Objects of this one are in the store: remove them where nobody may read them.',
  );
}
