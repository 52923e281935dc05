import { describe, expect, test } from '@jest/globals';
import {
  type EncryptionPolicy,
  joinedEncryption,
  noEncryption,
  requireEncryptedFor,
  requireHeeding,
  requireRecipients,
} from '../../domain/encryption.ts';
import { refuseWithoutIdentity } from '../../domain/restore-plan.ts';
import { orderedEncryption, type ServiceDefaults } from '../../domain/service-settings.ts';

function defaultsWith(encryption: EncryptionPolicy): ServiceDefaults {
  return {
    retention: { days: 7 },
    nightly: false,
    nightlyWindow: { startMinute: 0, minutes: 60 },
    encryption,
    copies: [],
    copyLocations: [],
    chain: { base: 'last', maxChain: 7, maxShare: 100 },
    binlog: { archive: true, intervalMs: 10_000, fullAfterHole: true },
  };
}

describe('whom a backup is encrypted for', () => {
  const defaults = defaultsWith({ recipients: ['safe'], unencrypted: 'refused' });

  test("is what the service says, else the deployment; what is refused is the deployment's alone", () => {
    expect(orderedEncryption({}, defaults)).toEqual({ recipients: ['safe'], unencrypted: 'refused' });
    const own = orderedEncryption({ encryption: { recipients: ['own'] } }, defaults);
    expect(own).toEqual({ recipients: ['own'], unencrypted: 'refused' });
    const none = orderedEncryption({ encryption: { recipients: [] } }, defaults);
    expect(none).toEqual({ recipients: [], unencrypted: 'refused' });
  });

  test('is what all of them say together: nobody takes away what another one asks for', () => {
    const pinned: EncryptionPolicy = { recipients: ['pinned', 'safe'], unencrypted: 'allowed' };
    expect(joinedEncryption(pinned, orderedEncryption({}, defaults))).toEqual({
      recipients: ['pinned', 'safe'],
      unencrypted: 'refused',
    });
    expect(joinedEncryption(pinned, noEncryption)).toEqual(pinned);
  });

  test('has to be somebody, where unencrypted backups are refused', () => {
    expect(() => requireRecipients(noEncryption, 'db')).not.toThrow();
    expect(() => requireRecipients({ recipients: ['a'], unencrypted: 'refused' }, 'db')).not.toThrow();
    expect(() => requireRecipients({ recipients: [], unencrypted: 'refused' }, 'db')).toThrow(
      expect.objectContaining({
        code: 'encryption_required',
        message: expect.stringContaining('PATCH /services/db'),
      }),
    );
  });
});

describe('an agent that does not say what it does about encryption', () => {
  test('is given backups that are for nobody alone', () => {
    expect(() => requireHeeding(noEncryption, false, 'db')).not.toThrow();
  });

  test.each<[EncryptionPolicy, string]>([
    [{ recipients: ['a', 'b'], unencrypted: 'allowed' }, 'for a, b'],
    [{ recipients: [], unencrypted: 'refused' }, 'for somebody'],
  ])('is not given one under the policy %j', (ordered, words) => {
    expect(() => requireHeeding(ordered, true, 'db')).not.toThrow();
    expect(() => requireHeeding(ordered, false, 'db')).toThrow(
      expect.objectContaining({
        code: 'encryption_required',
        message: expect.stringMatching(new RegExp(`${words}.*Upgrade the agent`)),
      }),
    );
  });
});

describe('a backup that an agent took', () => {
  const ordered: EncryptionPolicy = { recipients: ['a', 'b'], unencrypted: 'refused' };

  test('is as it was ordered when it is for all of them, and may be for more', () => {
    expect(() => requireEncryptedFor(ordered, ['pinned', 'b', 'a'])).not.toThrow();
    expect(() => requireEncryptedFor(noEncryption, [])).not.toThrow();
  });

  test.each([
    [ordered, ['a'], 'without encrypting it for b'],
    [ordered, [], 'without encrypting it for a, b'],
    [{ ...ordered, recipients: [] }, [], 'without encrypting it for anybody'],
  ])('with the order %j and for %j is refused', (order, recipients, words) => {
    expect(() => requireEncryptedFor(order, recipients)).toThrow(
      expect.objectContaining({ code: 'encryption_required', message: expect.stringContaining(words) }),
    );
  });
});

describe('an encrypted backup', () => {
  test('is opened by the identity of any of its recipients', () => {
    expect(() => refuseWithoutIdentity(['a', 'b'], { recipients: ['c', 'b'], fault: '' })).not.toThrow();
  });

  test.each([
    [
      ['a'],
      { recipients: [], fault: 'The file is not there.' },
      /identity of a\. The file is not there\. Put/,
    ],
    [['a', 'b'], { recipients: ['c'], fault: '' }, /identity of one of a, b\. It has c\. Put/],
    [['a'], { recipients: ['c'], fault: 'The command failed.' }, /It has c\. The command failed\. Put/],
    [['a'], undefined, /encrypted for a, .* earlier version\. Upgrade the agent\.$/],
  ])('for %j is refused to a host with %j', (recipients, held, words) => {
    expect(() => refuseWithoutIdentity(recipients, held)).toThrow(
      expect.objectContaining({ code: 'identity_unavailable', message: expect.stringMatching(words) }),
    );
  });
});
