/** What a plan says of the keys of a server with encryption at rest. */
import { describe, expect, test } from '@jest/globals';
import { type AtRest, type HostKeys, joinedAtRest, planKeys, planKeysOfDump } from '../../domain/at-rest.ts';
import { TidemarkError } from '../../domain/errors.ts';

const plugin = 'file_key_management';
const encrypted: AtRest = { plugin, settings: ['innodb_encrypt_tables', 'encrypt_binlog'], keyIds: [1, 7] };

const refused: [what: string, keys: HostKeys, said: string][] = [
  ['no plugin', { plugin: '' }, 'name no plugin for keys'],
  ['another plugin', { plugin: 'aws_key_management' }, 'the plugin aws_key_management for keys, another one'],
  [
    'a file that is not there',
    { plugin, fault: 'The file /etc/keys is not there.' },
    '/etc/keys is not there',
  ],
  ['too few keys', { plugin, keyIds: [1, 2] }, 'does not have key 7'],
];

describe('the plan of files', () => {
  test.each(refused)('refuses a target with %s', (_, keys, said) => {
    expect(() => planKeys(encrypted, keys)).toThrow(said);
    expect(() => planKeys(encrypted, keys)).toThrow(/innodb_encrypt_tables, file_key_management.*keys 1, 7/);
    expect(() => planKeys(encrypted, keys)).toThrow(TidemarkError);
  });

  test('says what has to be seen to where it cannot tell', () => {
    expect(planKeys(encrypted, { plugin, keyIds: [1, 2, 7] })).toEqual([
      expect.stringContaining('of the same ids (keys 1, 7): they have to be the very same'),
    ]);
    expect(planKeys(encrypted, { plugin })).toEqual([
      expect.stringContaining('cannot be seen from its settings'),
    ]);
    expect(planKeys(encrypted, undefined)).toEqual([
      expect.stringContaining('of a version that does not say'),
    ]);
  });

  test('needs no keys for what is not encrypted, binlogs among it', () => {
    expect(planKeys(undefined, { plugin: '' })).toEqual([]);
    expect(planKeys({ plugin, settings: ['encrypt_binlog'], keyIds: [] }, { plugin: '' })).toEqual([]);
    expect(() => planKeys({ plugin, settings: [], keyIds: [3] }, { plugin: '' })).toThrow('key 3');
  });
});

test('the plan of a dump refuses nothing, and says that the data will lie in the clear', () => {
  expect(planKeysOfDump(encrypted, { plugin: '' })).toEqual([expect.stringContaining('in the clear')]);
  expect(planKeysOfDump(encrypted, { plugin })).toEqual([]);
  expect(planKeysOfDump(undefined, { plugin: '' })).toEqual([]);
});

test('of a chain, the keys of all its backups count', () => {
  const before: AtRest = { plugin, settings: ['innodb_encrypt_log'], keyIds: [1, 3] };
  expect(joinedAtRest([before, undefined, encrypted])).toEqual({
    plugin,
    settings: ['innodb_encrypt_log', 'innodb_encrypt_tables', 'encrypt_binlog'],
    keyIds: [1, 3, 7],
  });
  expect(joinedAtRest([undefined])).toBeUndefined();
});
